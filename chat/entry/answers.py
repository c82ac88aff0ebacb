"""An agent's answer that the customer has not seen after two minutes goes to them by mail: once, and one mail an hour at most.

A message costs nothing more for it: the update of the conversation that it makes anyway notes since when something may be unseen. A
worker looks at those that are old enough, and where an answer is unseen indeed, a row of the outbox takes it from there.
"""

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import languages
from accounts.models import User
from chat import chores, folds, links, mails, outbox, subjects
from chat.characters import cut, units
from chat.entry.mails import hand_over, is_in_doubt
from chat.entry.models import AccessLink, MailedAnswer
from chat.folds import Fold
from chat.mails import Mail
from chat.models import Conversation, Event, Member
from chat.outbox import BackendError, Call, State, Work
from chat.sentences import said

UNSEEN = timedelta(minutes=2)
BETWEEN_MAILS = timedelta(hours=1)
LOOK_SECONDS = 5.0
LOOKED_AT_ONCE = 100
MOST_ANSWERS = 10
LONGEST_ANSWER = 1000


def can_be_mailed(customer: User, orders: Sequence[Fold]) -> bool:
    """Whether we may promise this customer, who was told of these orders, an answer by mail."""
    return bool(customer.is_active and customer.email and orders)


def look() -> None:
    """Write a row for each conversation whose customer has not seen an answer for two minutes. Safe in several workers at once."""
    due = Conversation.objects.filter(untold_since__lte=timezone.now() - UNSEEN).order_by("untold_since")
    if not due.exists():
        return
    with transaction.atomic():
        locked = due.select_related("customer").select_for_update(no_key=True, skip_locked=True, of=("self",))
        for conversation in locked[:LOOKED_AT_ONCE]:
            conversation.untold_since = _tell(conversation)
            conversation.save(update_fields=["untold_since"])


def _tell(conversation: Conversation) -> datetime | None:
    """Write the row where one is wanted; since when something is untold afterwards: ahead of now where a mail has to wait."""
    earlier = MailedAnswer.objects.filter(conversation=conversation).exclude(state=State.CANCELLED).order_by("-sequence").first()
    newest = _answers(conversation, after=max(_seen(conversation), earlier.sequence if earlier else 0)).last()
    if newest is None or not can_be_mailed(conversation.customer, folds.orders(conversation)):
        return None
    may_leave_at = _next_mail_at(earlier)
    if may_leave_at > timezone.now():
        return may_leave_at - UNSEEN
    MailedAnswer.objects.create(conversation=conversation, sequence=newest.sequence)
    return None


def _next_mail_at(earlier: MailedAnswer | None) -> datetime:
    now = timezone.now()
    if earlier is None:
        return now
    # One that still waits (the provider is away) lets nobody overtake it.
    return now + BETWEEN_MAILS if earlier.state == State.WAITING else (earlier.finished_at or now) + BETWEEN_MAILS


@outbox.works_on(MailedAnswer)
def send(row: MailedAnswer) -> Work:
    """Mail what the customer has not seen by now; nothing where they have."""
    conversation = row.conversation
    if _seen(conversation) >= row.sequence:
        row.cancel("The customer has seen the answer in the chat.")
        return
    if not row.tried_at:
        row.stamp(after=max(_seen(conversation), _told_by_others(row)))
    answers = list(_answers(conversation, after=row.after or 0).filter(sequence__lte=row.sequence))
    if not answers:
        row.cancel("Another mail has told of the answer.")
        return
    link = links.in_mails({row.idempotency_key: (conversation, subjects.number_of(conversation))})[row.idempotency_key]
    mail = written(answers, link, row)
    if is_in_doubt(row):
        if (yield from _has_left(row, mail)):
            return
        row.stamp(tried_at=None)
    yield from hand_over(row, mail)


def written(answers: Sequence[Event], link: AccessLink, row: MailedAnswer) -> Mail:
    """The mail with these answers, the newest of them where there are many, in the customer's language and time."""
    customer = link.conversation.customer
    shown = [_quoted(answer) for answer in answers[-MOST_ANSWERS:]]
    names = {answer["name"] for answer in shown}
    with languages.as_read_by(customer):
        params = {"name": customer.display_name, "shop": settings.SHOP_NAME, "order_id": link.subject, "url": links.url_for(link)}
        title = _("We have answered you about order %(number)s") % {"number": link.subject}
        context = params | {
            "title": title,
            "reply_to": settings.REPLY_TO_EMAIL,
            "answers": shown,
            "left_out": len(answers) - len(shown),
            "agent": names.pop() if len(names) == 1 else "",
        }
        mail = Mail(
            subject=title,
            body=render_to_string("chat/entry/answer.txt", context),
            to=[mails.recipient(customer, then=said("press “Retry now”"))],
            params=params,
            tags=["entry-answer"],
            idempotency_key=row.idempotency_key,
        )
        mail.attach_alternative(render_to_string("chat/entry/answer.html", context), "text/html")
    return mail


def _quoted(answer: Event) -> dict[str, Any]:
    text, writer = str(answer.body.get("text", "")), answer.from_member
    quoted = text if units(text) <= LONGEST_ANSWER else f"{cut(text, LONGEST_ANSWER).rstrip()}…"
    return {"name": writer.user.display_name if writer else "", "at": answer.created_at, "text": quoted}


def _has_left(row: MailedAnswer, mail: Mail) -> Generator[Call, Any, bool]:
    """Whether an earlier attempt sent it after all; where nobody can tell, a person decides."""
    try:
        found = yield from mails.find(lambda: mail, since=row.tried_at or row.created_at)
    except BackendError as refused:
        if not refused.permanent:
            raise
        row.stamp(tried_at=None)
        told = said("It is unknown whether the mail left. %(refused)s “Retry now” sends it again.", refused=refused)
        raise BackendError(told, code="outcome_unknown", permanent=True, unknown=True) from None
    return found is not None


def _answers(conversation: Conversation, *, after: int) -> "QuerySet[Event]":
    """What others than the customer wrote after that event, in order."""
    theirs = conversation.events.filter(type="message", from_member__isnull=False, sequence__gt=after)
    return theirs.exclude(from_member__user=conversation.customer_id).select_related("from_member__user").order_by("sequence")


def _seen(conversation: Conversation) -> int:
    marks = Member.objects.filter(conversation=conversation, user=conversation.customer_id)
    return marks.values_list("seen_sequence", flat=True).first() or 0


def _told_by_others(row: MailedAnswer) -> int:
    done = MailedAnswer.objects.filter(conversation=row.conversation_id, state=State.DONE)
    told: int | None = done.aggregate(told=Max("sequence"))["told"]
    return told or 0


chores.every(LOOK_SECONDS, look)
