"""The embedded side of mail: every mail is kept in our own database, where `/demo/mailbox/` shows it."""

import uuid
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from orders.mail_models import StoredMail


class EmailBackend(BaseEmailBackend):
    """Stores instead of sending; a mail whose idempotency key is stored already counts as sent, as at a provider."""

    is_local = True

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store each message once; the number of messages taken."""
        for message in email_messages:
            self._store(message)
        return len(email_messages)

    def _store(self, message: EmailMessage) -> None:
        key = getattr(message, "idempotency_key", "") or str(uuid.uuid4())
        html = [str(part[0]) for part in getattr(message, "alternatives", []) if part[1] == "text/html"]
        headers = {name: value for name, value in message.message().items() if name not in {"Content-Type", "MIME-Version"}}
        values = {
            "to": ", ".join(message.to),
            "from_email": message.from_email,
            "subject": message.subject,
            "text": str(message.body),
            "html": html[0] if html else "",
            "headers": headers,
            "params": getattr(message, "params", {}),
        }
        StoredMail.objects.get_or_create(idempotency_key=key, defaults=values)
        message.message_id = f"<{key}@embedded>"  # type: ignore[attr-defined]
