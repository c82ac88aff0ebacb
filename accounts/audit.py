"""Who did what with somebody's data: kept for whoever has to answer for it.

An entry holds ids and counts, never a name, an address or a text, so that it may stay when the person it is about is erased.
"""

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from accounts.models import AuditEntry, User

Detail = str | int | bool | None


def record(actor: User | AnonymousUser | None, action: str, subject: Model | str, **details: Detail) -> AuditEntry:
    """Write down one act: `record(request.user, AuditEntry.Action.LINK_COPIED, conversation, order=1001)`.

    `actor`: whoever did it; None, or somebody who is not logged in, stands for a command on the server. `action`: one of
    `AuditEntry.Action`. `subject`: the row it was done to, or a word for what is no row. `details`: ids and counts only.
    """
    who = actor if isinstance(actor, User) else None
    return AuditEntry.objects.create(
        actor=who, actor_id_then=who.public_id if who else "", action=action, subject=name_of(subject), details=details
    )


def name_of(subject: Model | str) -> str:
    """A name that stays when the row is gone: `accounts.user USR-…`; by the public id where there is one, else by the key."""
    return subject if isinstance(subject, str) else f"{subject._meta.label_lower} {getattr(subject, 'public_id', subject.pk)}"
