"""Vonage's webhooks about calls and texts: who sent it, store it, answer. What it means is the worker's business.

https://developer.vonage.com/en/voice/voice-api/webhook-reference and /en/messages/concepts/custom-objects
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from chat import incoming, webhooks
from chat.backends import phones_vonage
from chat.phones import calls, news, notices

JSON = dict[str, Any]
# Our name of a text and Vonage's, as the Messages API and as the SMS API calls them.
OF_BOTH_APIS = (("client_ref", "client-ref"), ("message_uuid", "messageId"))


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
    # The SMS API posts forms or asks with a query, as its account is set up; the Messages API posts JSON.
    return webhooks.take(request, secret, _take_text, methods=("GET", "POST"))


def _take_event(request: HttpRequest, jti: str) -> HttpResponse:
    payload = webhooks.read_object(request.body)
    news.receive(payload, call_name=request.GET.get("call", ""), side=request.GET.get("side", ""), jti=jti)
    return HttpResponse()


def _take_answer(request: HttpRequest, jti: str) -> HttpResponse:
    asked = _fields(request)
    incoming.use(jti)
    call = news.call_named(
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
    told = _fields(request)
    incoming.use(jti)
    name, message_id = (incoming.text_of(told, new) or incoming.text_of(told, old) for new, old in OF_BOTH_APIS)
    status = incoming.text_of(told, "status")
    if message_id and status:
        notices.note_delivery(name, message_id, status[:20])
    return HttpResponse()


def _fields(request: HttpRequest) -> JSON:
    """What the request tells, however it is packed. Raises ValueError."""
    if request.method == "GET":
        return request.GET.dict()
    is_form = request.content_type == "application/x-www-form-urlencoded"
    return request.POST.dict() if is_form else webhooks.read_object(request.body)
