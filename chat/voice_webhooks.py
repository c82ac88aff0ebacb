"""Vonage's webhooks about calls and texts: who sent it, store it, answer. What it means is the worker's business.

https://developer.vonage.com/en/voice/voice-api/webhook-reference and /en/messages/concepts/custom-objects
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from chat import call_news, calls, incoming, notices, webhooks
from chat.backends import phones_vonage

JSON = dict[str, Any]


@csrf_exempt
def event(request: HttpRequest, secret: str = "") -> HttpResponse:
    """A status of one phone of a call. 200 also for what we don't know or have already, so that Vonage does not send it again."""
    return webhooks.take(request, secret, _take_event)


@csrf_exempt
def answer(request: HttpRequest, secret: str = "") -> HttpResponse:
    """A call that asks what to do: one of ours connects its customer; anybody else hears where to write."""
    return webhooks.take(request, secret, _take_answer, methods=("GET", "POST"))


@csrf_exempt
def text(request: HttpRequest, secret: str = "") -> HttpResponse:
    """What became of a text of ours. A text to us is taken and dropped: the chat is where customers write."""
    return webhooks.take(request, secret, _take_text)


def _take_event(request: HttpRequest, jti: str) -> HttpResponse:
    payload = webhooks.read_object(request.body)
    call_news.receive(payload, call_name=request.GET.get("call", ""), side=request.GET.get("side", ""), jti=jti)
    return HttpResponse()


def _take_answer(request: HttpRequest, jti: str) -> HttpResponse:
    asked: JSON = webhooks.read_object(request.body) if request.method == "POST" else request.GET.dict()
    incoming.use(jti)
    call = call_news.call_named(
        leg_id=incoming.text_of(asked, "uuid"),
        conversation_id=incoming.text_of(asked, "conversation_uuid"),
        call_name=request.GET.get("call", ""),
    )
    if call and call.agent and not call.ended_at:
        return JsonResponse(phones_vonage.ncco(calls.plan_of(call, call.agent)), safe=False)
    language = translation.get_language() or settings.LANGUAGE_CODE
    words = _("Thank you for calling. We answer in the chat: please use the link in the mail about your order.")
    return JsonResponse(phones_vonage.say(words, language), safe=False)


def _take_text(request: HttpRequest, jti: str) -> HttpResponse:
    told = webhooks.read_object(request.body)
    incoming.use(jti)
    name, message_id, status = (incoming.text_of(told, key) for key in ("client_ref", "message_uuid", "status"))
    if message_id and status:
        notices.note_delivery(name, message_id, status[:20])
    return HttpResponse()
