"""The demo's phones: what texts and calls would do on real ones, and the buttons that people would press."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from chat.backends import phones_embedded
from chat.phones import numbers
from chat.phones.models import PhoneCall, Progress, Side, StoredLeg, StoredText

TEXTS = 20
Screen = dict[str, Any]


@never_cache
@require_safe
def phones(request: HttpRequest) -> HttpResponse:
    """The phone of each agent on duty, and that of each customer who is being called."""
    _demo_only()
    agents = [_agents(person) for person in numbers.on_duty()]
    under_way = PhoneCall.objects.filter(ended_at=None).select_related("conversation__customer").order_by("pk")
    return render(request, "chat/phones.html", {"agents": agents, "customers": [_customers(call) for call in under_way]})


@never_cache
@require_POST
def press(request: HttpRequest, number: int) -> HttpResponse:
    """A button of the phone that has this leg of a call; one that is not there any more does nothing."""
    _demo_only()
    phones_embedded.press(get_object_or_404(StoredLeg, pk=number), request.POST.get("button", ""))
    return HttpResponseRedirect(reverse("phones"))


def _agents(person: User) -> Screen:
    digits = numbers.number(person.phone)
    open_calls = PhoneCall.objects.filter(ended_at=None).values("public_id")
    leg = StoredLeg.objects.filter(side=Side.AGENT, number=digits, call_name__in=open_calls).first()
    texts = list(StoredText.objects.filter(to=digits)[:TEXTS])
    return {"owner": person.display_name, "number": f"+{digits}", "texts": texts, "leg": _leg(leg)}


def _customers(call: PhoneCall) -> Screen:
    leg = StoredLeg.objects.filter(side=Side.CUSTOMER, call_name=call.public_id).first()
    return {"owner": call.conversation.customer.display_name, "number": f"+{call.number}", "leg": _leg(leg)}


def _leg(leg: StoredLeg | None) -> dict[str, Any] | None:
    """A call on the screen, and what can be pressed; None on a phone at rest."""
    buttons = phones_embedded.BUTTONS.get(Progress(leg.status)) if leg else None
    return {"number": leg.pk, "is_ringing": leg.status == Progress.RINGING, "buttons": buttons} if leg and buttons else None


def _demo_only() -> None:
    if not settings.DEMO:
        raise Http404
