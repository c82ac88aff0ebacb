"""The Brevo (Sendinblue) twin: transactional mail, look-up, templates, webhooks, account.

with BrevoTwin() as brevo:
    brevo.url, brevo.api_key                  # what a client needs; the url ends in /v3
    brevo.turn(rate_per_second=50)
    brevo.mails, brevo.doubles()              # what was really sent
    brevo.bounce(brevo.mails[0].message_id)   # posts a webhook
"""

import itertools
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.twins import brevo_account, brevo_hooks, brevo_mail, brevo_people
from tests.twins.brevo_errors import error, limit_headers, refuse
from tests.twins.brevo_mail import Mail
from tests.twins.faults import Fault
from tests.twins.http import Request, Response
from tests.twins.rates import RateCap, Taken
from tests.twins.routes import Refusal, Route
from tests.twins.twin import Twin


@dataclass
class BrevoDials:
    """How the service behaves today.

    `rate_per_second` caps POST /smtp/email, `look_ups_per_second` GET /smtp/emails, `other_calls_per_hour` everything else; the
    defaults are the documented ones, 0 = no cap. `limit_headers` False leaves x-sib-ratelimit-* out of all answers.
    `key_life_seconds` is how long an idempotency key protects (30 minutes; the changelog of 2022 says 15).
    `hook_url` with `hook_headers` gets every event, beside the webhooks made by API; `hook_brackets` False drops <> from message-id.
    `events_of_a_mail` happen to each accepted mail by itself.
    """

    rate_per_second: int = 1000
    look_ups_per_second: int = 2
    other_calls_per_hour: int = 100
    limit_headers: bool = True
    key_life_seconds: float = 30 * 60
    hook_url: str = ""
    hook_headers: dict[str, str] = field(default_factory=dict)
    hook_brackets: bool = True
    events_of_a_mail: list[str] = field(default_factory=lambda: ["request", "delivered"])


class BrevoTwin(Twin):
    def __init__(self, *, api_key: str = "xkeysib-twin-0123456789abcdef", **options: Any) -> None:
        self.api_key = api_key
        self.dials = BrevoDials()
        super().__init__(**options)
        self.forget()

    def forget(self) -> None:
        self.dials = BrevoDials()
        self.mails: list[Mail] = []
        self.keys: dict[str, float] = {}  # idempotency key -> when it was first used
        self.repeats: dict[str, int] = {}  # idempotency key -> how often a repeat was refused
        self.templates: dict[int, dict[str, Any]] = {}
        self.hooks: dict[int, dict[str, Any]] = {}
        self.contacts: set[str] = set()  # addresses in small letters
        self.numbers = itertools.count(1)
        self._caps = {"brevo.send_mail": RateCap(1), "brevo.list_mails": RateCap(1), "": RateCap(3600)}

    @property
    def url(self) -> str:
        return f"{self.origin}/v3"

    def routes(self) -> list[Route[Any]]:
        return [*brevo_mail.ROUTES, *brevo_account.ROUTES, *brevo_people.ROUTES]

    def authorize(self, request: Request) -> None:
        key = request.headers.get("api-key", "")
        if not key:
            refuse(401, message="authentication not found in headers")
        if key != self.api_key:
            refuse(401, message="Key not found")

    def error(self, fault: Fault) -> Response:
        if fault.fault == "rate_limited":
            headers = {} if fault.reset is None else limit_headers(Taken(False, 1000, 0, fault.reset))
            return error(429, headers={**headers, **fault.headers})
        return error(fault.status, fault.code, headers=fault.headers)

    def not_found(self, request: Request, methods: list[str]) -> Response:
        if methods:
            return error(405, message=f"{request.method} Method is not allowed on this path")
        return error(404, "document_not_found", "Invalid route/method passed")

    def _handle(self, request: Request, route: Route[Any] | None) -> Response:
        """Counts the call against its limit, and shows the limit on whatever is answered."""
        taken = self._take(route.operation if route else "")
        headers = limit_headers(taken) if taken and self.dials.limit_headers else {}
        try:
            if taken and not taken.is_allowed:
                refuse(429)
            response = super()._handle(request, route)
        except Refusal as refusal:
            refusal.response.headers = {**refusal.response.headers, **headers}
            raise
        response.headers = {**response.headers, **headers}
        return response

    def _take(self, operation: str) -> Taken | None:
        limits = {"brevo.send_mail": self.dials.rate_per_second, "brevo.list_mails": self.dials.look_ups_per_second}
        limit = limits.get(operation, self.dials.other_calls_per_hour)
        return self._caps.get(operation, self._caps[""]).take(limit) if limit else None

    def accept(self, mail: Mail) -> None:
        """From here on the mail counts as sent."""
        self.mails.append(mail)
        for event in self.dials.events_of_a_mail:
            brevo_hooks.announce(self, mail, event)

    # What a mail's fate is, for tests, the demo and the control interface.

    def happen(self, event: str, message_id: str = "", reason: str = "", link: str = "") -> int:
        """Something becomes of a mail (of the newest, when no id is given): posts the webhook. Raises LookupError for no such mail."""
        with self.lock:
            found = [mail for mail in self.mails if message_id in ("", mail.message_id)]
            if not found:
                raise LookupError(f"no mail {message_id!r}")
            brevo_hooks.announce(self, found[-1], event, reason=reason, link=link)
            return found[-1].number

    def bounce(self, message_id: str = "", reason: str = "550 5.1.1 no such user") -> int:
        return self.happen("hard_bounce", message_id, reason)

    def open(self, message_id: str = "") -> int:
        return self.happen("opened", message_id)

    def per_key(self) -> dict[str, int]:
        """Idempotency key -> mails that were really sent with it."""
        return self._count(lambda mail: [mail.key] if mail.key else [])

    def per_tag(self) -> dict[str, int]:
        """Tag -> mails that were really sent with it."""
        return self._count(lambda mail: mail.tags)

    def doubles(self, prefix: str = "order-") -> dict[str, int]:
        """Tags with this prefix that more than one mail carries: customers who were told twice."""
        return {tag: count for tag, count in self.per_tag().items() if count > 1 and tag.startswith(prefix)}

    def _count(self, names: Any) -> dict[str, int]:
        counts: dict[str, int] = {}
        with self.lock:
            for mail in self.mails:
                for name in names(mail):
                    counts[name] = counts.get(name, 0) + 1
        return counts

    def actions(self) -> dict[str, Any]:
        return {"happen": self.happen, "bounce": self.bounce, "open": self.open}

    def collections(self) -> dict[str, Any]:
        return {
            "mails": lambda: [{**asdict(mail), "date": mail.date} for mail in self.mails],
            "per_key": self.per_key,
            "per_tag": self.per_tag,
            "templates": lambda: list(self.templates.values()),
            "hooks": lambda: list(self.hooks.values()),
        }

    def summary(self) -> dict[str, Any]:
        return {
            "mails": len(self.mails),
            "keys": len(self.keys),
            "repeats_refused": sum(self.repeats.values()),
            "doubled_keys": {key: count for key, count in self.per_key().items() if count > 1},
            "doubled_tags": self.doubles(),
        }
