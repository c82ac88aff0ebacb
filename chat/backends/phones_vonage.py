"""Texts and calls through Vonage, from VONAGE_FROM_NUMBER.

Texts: the Messages API, or the SMS API where VONAGE_SMS_API says so. The SMS API answers 200 whatever it did; the outcome is the
`status` of each part: https://developer.vonage.com/en/api-errors/sms. Calls: the Voice API with the NCCO in the request, so that the
call needs no second answer of ours: https://developer.vonage.com/en/api/voice and /en/voice/voice-api/ncco-reference.
"""

from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.urls import reverse

from chat.backends import vonage_client
from chat.backends.phones import CallPlan, Phones, Placed
from chat.outbox import BackendError
from chat.phones.models import Side
from chat.sentences import said

JSON = dict[str, Any]

# Shorter than most mailboxes take to pick up: a call answered by a machine is worse than none.
RINGING_SECONDS = 30
# Vonage's own longest for a connected call.
LONGEST_SECONDS = 7200
LANGUAGES = {"zh-hans": "cmn-CN"}
# What the SMS API may take the next time; everything else stays as it is until somebody changes something.
PASSING = {"1", "5", "9", "10", "13"}
WRONG_ACCOUNT = "4"


class VonagePhones(Phones):
    """One application at Vonage and the number that it speaks from."""

    name = "vonage"

    @property
    def can_text(self) -> bool:
        """The sender of a text may also be a name."""
        return bool(settings.VONAGE_FROM_NUMBER)

    @property
    def can_call(self) -> bool:
        """A call comes from a number."""
        return _from().isdecimal()

    def send_text(self, to: str, text: str, *, name: str) -> str:
        """By the API that VONAGE_SMS_API names; Vonage's id of the message."""
        return _by_sms(to, text, name) if settings.VONAGE_SMS_API == "sms" else _by_messages(to, text, name)

    def place_call(self, plan: CallPlan) -> Placed:
        """POST /v1/calls, with what the agent hears and whom they are connected to."""
        body = {
            "to": [{"type": "phone", "number": plan.agent_number}],
            "from": {"type": "phone", "number": _from()},
            "ncco": ncco(plan),
            "event_url": [event_url(plan.name, Side.AGENT)],
            "event_method": "POST",
            "ringing_timer": RINGING_SECONDS,
            "length_timer": LONGEST_SECONDS,
        }
        reply = vonage_client.call("POST", "/v1/calls", body)
        return Placed(_told(reply, "uuid"), str(reply.get("conversation_uuid") or ""))


def ncco(plan: CallPlan) -> list[JSON]:
    """What happens on the agent's phone once it is answered: a word about whom they get, then the customer's phone rings."""
    return [
        {"action": "talk", "text": plan.greeting, "language": LANGUAGES.get(plan.language, "en-GB")},
        {
            "action": "connect",
            "from": _from(),
            "endpoint": [{"type": "phone", "number": plan.customer_number}],
            "timeout": RINGING_SECONDS,
            "limit": LONGEST_SECONDS,
            "eventUrl": [event_url(plan.name, Side.CUSTOMER)],
        },
    ]


def say(words: str, language: str) -> list[JSON]:
    """An NCCO that says something and hangs up."""
    return [{"action": "talk", "text": words, "language": LANGUAGES.get(language, "en-GB")}]


def event_url(call_name: str, side: Side) -> str:
    """Where Vonage tells of this leg. It names the call, so that news of one whose reply was lost still finds it."""
    path = reverse("voice-event") + (f"/{quote(settings.WEBHOOK_SECRET, safe='')}" if settings.WEBHOOK_SECRET else "")
    return f"{settings.PUBLIC_URL}{path}?{urlencode({'call': call_name, 'side': side.value})}"


def _by_messages(to: str, text: str, name: str) -> str:
    body = {"channel": "sms", "message_type": "text", "to": to, "from": _from(), "text": text, "client_ref": name}
    return _told(vonage_client.call("POST", "/v1/messages", body), "message_uuid")


def _by_sms(to: str, text: str, name: str) -> str:
    form = {"to": to, "from": _from(), "text": text, "type": "text" if text.isascii() else "unicode", "client-ref": name}
    reply = vonage_client.post_form("/sms/json", form)
    parts = reply.get("messages")
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise BackendError("Vonage: 200, but the reply can't be read.", code="unreadable_reply", unknown=True)
    taken = [part for part in parts if str(part.get("status")) == "0"]
    if not taken:
        raise _refused(str(parts[0].get("status")), str(parts[0].get("error-text") or ""))
    # Where only some parts of a long text were taken, the rest can't be sent alone.
    return str(taken[0].get("message-id") or name)


def _refused(status: str, words: str) -> BackendError:
    message = f"Vonage's SMS API: status {status} {words[:200]}".rstrip() + "."
    if status == WRONG_ACCOUNT:
        return BackendError(said("%(refusal)s Check NEXMO_API_KEY and NEXMO_API_SECRET.", refusal=message), code="sms:4")
    return BackendError(message, code=f"sms:{status}"[:20], permanent=status not in PASSING)


def _told(reply: JSON, name: str) -> str:
    value = reply.get(name)
    if not isinstance(value, str) or not value or len(value) > 100:
        raise BackendError(said("Vonage: a reply without %(field)s.", field=name), code="unreadable_reply", unknown=True)
    return value


def _from() -> str:
    """VONAGE_FROM_NUMBER as Vonage wants it: a number without plus and spaces, or a name as it is."""
    bare = settings.VONAGE_FROM_NUMBER.removeprefix("+").replace(" ", "")
    return bare if bare.isdecimal() else settings.VONAGE_FROM_NUMBER
