"""The Vonage twin: Conversation API and Users v1, SMS, Messages, Voice, Applications, and webhooks out.

with VonageTwin() as vonage:
    vonage.host, vonage.application_id, vonage.private_key_pem   # what a client needs
    vonage.faults.set("vonage.create_event", {"fault": "lost_reply", "times": 1})
    vonage.turn(refuse_messaging={"message": 403})
    vonage.events()                                              # what really happened
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.twins import (
    vonage_applications,
    vonage_conversations,
    vonage_events,
    vonage_hooks,
    vonage_messages,
    vonage_shapes,
    vonage_sockets,
    vonage_users,
    vonage_v03,
    vonage_voice,
)
from tests.twins.faults import Fault
from tests.twins.http import Request, Response
from tests.twins.rates import RateCap
from tests.twins.routes import Route
from tests.twins.twin import Twin
from tests.twins.vonage_applications import Application, private_pem, public_pem
from tests.twins.vonage_auth import Caller, Tokens, basic, bearer
from tests.twins.vonage_errors import problem, problem_of_status, refuse
from tests.twins.vonage_messages import Text
from tests.twins.vonage_store import Conversation, Event, JsonObject, Store
from tests.twins.vonage_voice import Call
from tests.twins.webhooks import Hook


@dataclass
class VonageDials:
    """How the service behaves today.

    `refuse_messaging` {"message": 403, "custom": 410} ends events of that family for good (partial discontinuation).
    `rate_per_second` caps all calls together (429). `duplicate_name_status` is 409 on v1, was 400 before.
    `rtc_url` overrides the application's RTC URL; `rtc_cid` names the conversation `cid` instead of `conversation_id`.
    `signature`, `rtc_signature`: valid, none, wrong_secret, wrong_hash, old.
    `sms_url` gets the SMS API's inbound texts; `sms_status` is its outcome, for everybody or {"4477…": "7"}.
    `text_statuses` become of a text that was sent by the Messages API.
    `call_statuses` become of a call; with `answer_calls` False it rings until `progress_call`.
    `session_error` (system:error:permission ...) is what a browser's Client SDK is told instead of session:success.
    """

    refuse_messaging: dict[str, int] = field(default_factory=dict)
    refuse_wide_tokens: bool = True
    unknown_name_is_404: bool = False
    duplicate_name_status: int = 409
    rate_per_second: int = 0
    rtc_url: str = ""
    rtc_cid: bool = False
    rtc_signature: str = "none"
    signature: str = "valid"
    sms_status: str | dict[str, str] = "0"
    sms_url: str = ""
    text_statuses: list[str] = field(default_factory=lambda: ["submitted", "delivered"])
    call_statuses: list[str] = field(default_factory=lambda: ["started", "ringing", "answered", "completed"])
    answer_calls: bool = True
    session_error: str = ""


@functools.cache
def _default_key() -> rsa.RSAPrivateKey:
    """One key per process: making one takes a while, and nothing depends on it being new."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class VonageTwin(Twin):
    """`public_key` is a test's own (PEM); without it the twin makes a pair and shows it as `private_key_pem`."""

    def __init__(
        self,
        *,
        application_id: str = "00000000-0000-4000-8000-00000000a991",
        api_key: str = "twinkey1",
        api_secret: str = "TwinSecret1234567",
        signature_secret: str = "twin-signature-secret-of-32-bytes-or-more",
        public_key: str = "",
        **options: Any,
    ) -> None:
        self.application_id, self.api_key, self.api_secret = application_id, api_key, api_secret
        self.signature_secret = signature_secret
        self.private_key_pem = "" if public_key else private_pem(_default_key())
        self._public_key = public_key or public_pem(_default_key())
        self.dials = VonageDials()
        super().__init__(**options)
        self.forget()

    def forget(self) -> None:
        self.dials = VonageDials()
        self.tokens = Tokens()
        self.applications: dict[str, Application] = {}
        self.stores: dict[str, Store] = {}
        self.sockets = vonage_sockets.Sockets(self)
        self.texts: list[Text] = []
        self.calls: list[Call] = []
        self._cap = RateCap()
        self.add_application(Application(self.application_id, "Order Support", self._public_key))

    def add_application(self, application: Application) -> None:
        self.tokens.trust(application.id, application.public_key)
        self.applications[application.id] = application
        self.stores.setdefault(application.id, Store(self._publish, application.id))

    def routes(self) -> list[Route[Any]]:
        conversations = [*vonage_users.ROUTES, *vonage_conversations.ROUTES, *vonage_events.ROUTES]
        browser = [*vonage_v03.ROUTES, *vonage_sockets.ROUTES]
        return [*conversations, *browser, *vonage_messages.ROUTES, *vonage_voice.ROUTES, *vonage_applications.ROUTES]

    # Who calls.

    def authorize(self, request: Request) -> Caller:
        """The caller of a request with a token. Raises a Refusal: 401, 403 or 429."""
        caller = self.tokens.verify(bearer(request), refuse_wide=self.dials.refuse_wide_tokens)
        if not caller.may(request.method, request.path):
            refuse("system:error:permission")
        return caller

    def is_account(self, request: Request) -> bool:
        """Whether Basic credentials are the account's."""
        return basic(request) == (self.api_key, self.api_secret)

    def store_of(self, caller: Caller) -> Store:
        return self.stores[caller.application_id]

    # Answers.

    def error(self, fault: Fault) -> Response:
        if fault.fault == "rate_limited":
            headers = {"retry-after": f"{fault.reset:g}"} if fault.reset is not None else {}
            return problem_of_status(429, headers={**headers, **fault.headers})
        return problem_of_status(fault.status, code=fault.code, headers=fault.headers)

    def not_found(self, request: Request, methods: list[str]) -> Response:
        return problem("http:error:method-not-allowed" if methods else "http:error:not-found")

    def finish(self, request: Request, response: Response) -> Response:
        return vonage_v03.allow_origin(request, response)

    def _handle(self, request: Request, route: Route[Any] | None) -> Response:
        if self.dials.rate_per_second and not self._cap.take(self.dials.rate_per_second).is_allowed:
            refuse("http:error:too-many-request")
        return super()._handle(request, route)

    # Webhooks.

    def send_hook(
        self,
        url: str,
        *,
        body: bytes,
        headers: dict[str, str],
        kind: str,
        method: str = "POST",
        after_seconds: float = 0,
        on_answer: Callable[[bytes], None] | None = None,
    ) -> None:
        """Vonage tries again after a 5xx or no answer."""
        self.webhooks.send(Hook(url, body, headers, method, kind, on_answer=on_answer), after_seconds=after_seconds)

    def _publish(self, store: Store, conversation: Conversation, event: Event | None) -> None:
        application = self.applications[store.application_id]
        if event is not None:
            self.sockets.publish(application.id, conversation, event)
        url = self.dials.rtc_url or application.url("rtc", "event_url")
        if url:
            payload = vonage_hooks.rtc_payload(self, application.id, conversation, event)
            vonage_hooks.post(self, url, payload, kind="rtc", application_id=application.id)

    # What is inside, for tests and the control interface.

    @property
    def store(self) -> Store:
        """The default application's."""
        return self.stores[self.application_id]

    def events(self, conversation_id: str = "", *, kind: str = "") -> list[JsonObject]:
        """Events as the API shows them, plus `conversation_id`; of one conversation or all, of one type or all."""
        with self.lock:
            return [
                {**vonage_shapes.event(event, conversation.id), "conversation_id": conversation.id}
                for conversation in self.store.conversations.values()
                for event in conversation.events
                if conversation_id in ("", conversation.id) and kind in ("", event.type)
            ]

    def doubled_events(self, *keys: str, kind: str = "custom:order-confirm-event") -> dict[str, int]:
        """What the body says under `keys` ("1002/1": id and version, unless other keys are given) -> how many events of that type
        say so, for those that are there more than once."""
        counts: dict[str, int] = {}
        for event in self.events(kind=kind):
            named = [event["body"][key] for key in keys or ("id", "version") if key in event["body"]]
            value = "/".join(str(part) for part in named)
            counts[value] = counts.get(value, 0) + 1
        return {value: count for value, count in counts.items() if count > 1}

    def say(self, conversation_id: str, user: str, text: str) -> JsonObject:
        """Somebody writes at the provider's side: a text message of a user, who joins if needed."""
        with self.lock:
            conversation = self.store.conversations[conversation_id]
            person = self.store.user(user) or self.store.add_user(user, {})
            sender = conversation.joined(person)
            if sender is None:
                fields = {"channel": {"type": "app"}}
                sender = self.store.add_member(conversation, person, state="JOINED", fields=fields, by=None)
            body = {"message_type": "text", "text": text}
            return vonage_shapes.event(self.store.add_event(conversation, "message", sender=sender, body=body), conversation.id)

    def revoke_application(self, application_id: str = "") -> None:
        """From now on its tokens are invalid."""
        self.tokens.distrust(application_id or self.application_id)

    def actions(self) -> dict[str, Any]:
        return {
            "say": self.say,
            "revoke_application": self.revoke_application,
            "receive_text": functools.partial(vonage_messages.receive_text, self),
            "receive_sms": functools.partial(vonage_messages.receive_sms, self),
            "progress_call": functools.partial(vonage_voice.progress_call, self),
            "drop_sockets": self.sockets.drop,
            "fail_sessions": self.sockets.fail,
            "server_call": functools.partial(vonage_voice.server_call, self),
        }

    def collections(self) -> dict[str, Any]:
        store = self.store
        return {
            "events": self.events,
            "users": lambda: [vonage_shapes.user(item) for item in store.users.values()],
            "conversations": lambda: [vonage_shapes.conversation(item) for item in store.conversations.values()],
            "texts": lambda: [item.as_json() for item in self.texts],
            "calls": lambda: [vars(item) for item in self.calls],
            "applications": lambda: [vars(item) for item in self.applications.values()],
        }

    def summary(self) -> dict[str, Any]:
        return {
            "users": len(self.store.users),
            "conversations": len(self.store.conversations),
            "events": sum(len(item.events) for item in self.store.conversations.values()),
            "doubled_events": self.doubled_events(),
            "sessions": sum(1 for session in self.sockets.sessions.values() if session.socket),
            "texts": len(self.texts),
            "calls": len(self.calls),
        }
