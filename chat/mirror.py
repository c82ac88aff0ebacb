"""The copy at Vonage: our tables are the record, and each event of a conversation is copied after it is committed.

`conversations.add_event` writes a MirroredEvent in the event's own transaction; the rule below works on it. Every finished step is
kept where the next event finds it (`provider_id` of user, conversation, member and event), so a known customer's event is one call.
What Vonage refuses for good becomes a MirrorRefusal, which stops the copying and nothing else; `try_again` removes it.
"""

import logging
from collections.abc import Callable, Generator
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q

from accounts.models import User
from chat import backends, backoff, outbox
from chat.backends import names
from chat.backends.base import AlreadyThereError, Copy, Mirror, NotThereError, Page, RefusedForGoodError
from chat.mirrored import EventKind, MirroredEvent, MirrorRefusal
from chat.models import Conversation, Event, Member
from chat.outbox import BackendError, Call, OutboxRow, State, Work
from chat.sentences import said
from chat.wakes import wake

vonage = partial(Call, provider="vonage")
logger = logging.getLogger(__name__)

# So many conversations in a row that are refused, with none that worked between them, mean everybody's.
MOST_REFUSALS = 3
# Twice the time after which a copy is given up.
LATEST_COPY = timedelta(hours=2 * settings.OUTBOX_MAX_AGE_HOURS)
# Work that comes to the provider's id of something.
IdWork = Generator[Call, Any, str]


@outbox.works_on(MirroredEvent)
def run(row: MirroredEvent) -> Work:
    """Copy one event, and whatever it leans on that is not at Vonage yet."""
    event = Event.objects.select_related("conversation__customer", "from_member__user").get(pk=row.event_id)
    mirror, kind = backends.mirror(), EventKind.of(event.type)
    if not mirror.wants(event.type):
        row.cancel("Vonage is not configured any more.")
        return
    refusal = refusals_of(event.conversation, kind).first()
    if refusal:
        row.end_refused(refusal.reason)
        return
    copying = _Copying(row, event, mirror)
    try:
        yield from copying.run()
    except RefusedForGoodError as error:
        refuse(event.conversation, copying.kind, error)
        row.end_refused(str(error))
    except NotThereError as error:
        if error.what != "conversation":
            raise  # it was forgotten and will be made anew
        refuse(event.conversation, EventKind.EVERYTHING, error, is_gone=True)
        row.end_refused(str(error))


class _Copying:
    """One attempt at one row. Each step answers the provider's id and makes what is missing.

    `kind`: what a refusal would be about at this point; before the event itself comes, that is everything.
    """

    def __init__(self, row: MirroredEvent, event: Event, mirror: Mirror) -> None:
        self.row, self.event, self.mirror = row, event, mirror
        self.conversation = event.conversation
        self.kind = EventKind.EVERYTHING

    def run(self) -> Work:
        """Customer, conversation and sender first, then the event itself."""
        if self.event.provider_id:
            return
        sender = self.event.from_member
        customer = Member.objects.select_related("user").filter(conversation=self.conversation, user=self.conversation.customer).first()
        member_id = None
        for member in dict.fromkeys(person for person in (customer, sender) if person):
            member_id = yield from self._member(member)
        if self.event.type != "member:joined":
            yield from self._event(member_id if sender else None)

    def _member(self, member: Member) -> IdWork:
        if member.provider_id:
            return member.provider_id
        user_id = yield from self._user(member.user)
        conversation_id = yield from self._conversation()
        try:
            found: str = yield vonage(partial(self.mirror.join, conversation_id, user_id=user_id))
        except AlreadyThereError as error:
            look = partial(self.mirror.find_member, conversation_id, user_id=user_id)
            found = yield from self._find(lambda cursor: look(cursor=cursor), error)
        except NotThereError as error:
            if error.what == "user":
                User.objects.filter(pk=member.user_id).update(provider_id=None)
            raise
        self._keep(member, found)
        return found

    def _user(self, user: User) -> IdWork:
        if user.provider_id:
            return user.provider_id
        name = names.of_user(user)
        try:
            found: str = yield vonage(partial(self.mirror.create_user, name, display_name=user.display_name))
        except AlreadyThereError as error:
            found = yield from self._find(lambda cursor: self.mirror.find_user(name), error)
        self._keep(user, found)
        return found

    def _conversation(self) -> IdWork:
        if self.conversation.provider_id:
            return self.conversation.provider_id
        name, shown = self.conversation.name, self.conversation.customer.display_name
        try:
            found: str = yield vonage(partial(self.mirror.create_conversation, name, display_name=shown))
        except AlreadyThereError as error:
            found = yield from self._find(lambda cursor: self.mirror.find_conversation(name, cursor=cursor), error)
        else:
            # What was made this moment holds none of the members and events that one of the same name may have held.
            Member.objects.filter(conversation=self.conversation).update(provider_id=None)
            self.conversation.events.update(provider_id=None)
        self._keep(self.conversation, found)
        return found

    def _event(self, member_id: str | None) -> Work:
        conversation_id = yield from self._conversation()
        copy = Copy(names.of_event(self.event, self.conversation), self.event.type, self.event.body, member_id)
        self.kind = EventKind.of(self.event.type)
        found = None
        if self.row.attempts > 1 or self.row.may_be_there:
            # An earlier attempt may have done it and not heard so, or died before it could note it; or the sender's browser did it.
            in_doubt = self.row.may_be_there if self.row.attempts == 1 else self.row.is_unknown or not self.row.error_code
            found = yield from self._look_for(conversation_id, copy)
            self.row.stamp(doubtful_calls=self.row.doubtful_calls + (in_doubt and not found))
        try:
            found = found or (yield vonage(partial(self.mirror.add_event, conversation_id, copy)))
        except NotThereError as error:
            if error.what == "member" and self.event.from_member:
                Member.objects.filter(pk=self.event.from_member.pk).update(provider_id=None)
            raise
        except BackendError as error:
            if error.code in backoff.SLOW:
                error.retry_after = max(error.retry_after or 0.0, backoff.SLOW_SECONDS)
            raise
        note_event_id(self.event, found)

    def _look_for(self, conversation_id: str, copy: Copy) -> Generator[Call, Any, str | None]:
        known = self.conversation.events.exclude(provider_id=None).values_list("sequence", "created_at", "provider_id")
        numbers = {int(str(number)): (sequence, at) for sequence, at, number in known if str(number).isdecimal()}
        if self.row.may_be_there:
            # The browser sent it beside our own copies, of which older ones may have come later; but none so much later.
            older = [number for number, (_sequence, at) in numbers.items() if at < self.event.created_at - LATEST_COPY]
        else:
            # Whatever we had before this event came to be has a lower number than its copy.
            older = [number for number, (sequence, _at) in numbers.items() if sequence < self.event.sequence]
        newer_than = max(older, default=0)
        taken = {str(number) for number in numbers if number > newer_than}
        look = partial(self.mirror.find_event, conversation_id, copy, newer_than=newer_than, taken=taken)
        return (yield from search(self.row, lambda cursor: look(cursor=cursor)))

    def _find(self, look: Callable[[str | None], Page], refused: AlreadyThereError) -> IdWork:
        """What must be there, because the provider said so. Raises where it is not: another attempt may see it."""
        found = yield from search(self.row, look)
        if found is None:
            raise BackendError(said("%(refused)s But it can't be found.", refused=refused), code=refused.code)
        return found

    def _keep(self, thing: User | Conversation | Member, provider_id: str) -> None:
        try:
            with transaction.atomic():
                type(thing)._base_manager.filter(pk=thing.pk).update(provider_id=provider_id)
                self.row.stamp()
        except IntegrityError:
            raise BackendError(said("Vonage gave %(id)s to two of ours.", id=provider_id), code="id_given_twice", permanent=True) from None
        thing.provider_id = provider_id


def search(row: OutboxRow, look: Callable[[str | None], Page]) -> Generator[Call, Any, str | None]:
    """The id of what `look` finds, page by page; None where it is on no page."""
    cursor: str | None = None
    while True:
        page: Page = yield vonage(partial(look, cursor))
        if page.found or not page.cursor or page.cursor == cursor:
            return page.found
        cursor = page.cursor
        row.stamp()  # each page has a lease of its own


def doubt_uncopied() -> int:
    """Take every event that is not known as copied for one that may be, as after a backup was put back; how many."""
    return MirroredEvent.objects.filter(state=State.WAITING).update(may_be_there=True)


def note_event_id(event: Event, provider_id: str) -> None:
    """Keep the number that Vonage gave to an event of ours, whoever tells us first: the reply or the webhook."""
    try:
        with transaction.atomic():
            Event.objects.filter(pk=event.pk, provider_id=None).update(provider_id=provider_id)
    except IntegrityError:
        logger.warning("event %s has the number of another event at Vonage", event.pk)


def end_doubt(row: MirroredEvent, provider_id: str) -> None:
    """A webhook brought the copy of a row that had ended without anybody knowing: it is done."""
    note_event_id(row.event, provider_id)
    # The last call of a row whose outcome is unknown was never looked for, so it is not among the counted ones.
    left = row.doubtful_calls - (not row.is_unknown)
    told = {"state": State.DONE, "finished_at": outbox.clock(), "last_error": "", "error_code": "", "is_unknown": False}
    MirroredEvent.objects.filter(pk=row.pk, state=row.state).update(**told, doubtful_calls=left)


def refusals_of(conversation: Conversation, kind: EventKind) -> "models.QuerySet[MirrorRefusal]":
    """What stops events of this kind in this conversation."""
    here = Q(conversation=conversation) | Q(conversation=None)
    return MirrorRefusal.objects.filter(here, kind__in={kind, EventKind.EVERYTHING}).order_by(
        models.F("conversation").asc(nulls_first=True)
    )


def refuse(conversation: Conversation, kind: EventKind, error: BackendError, *, is_gone: bool = False) -> None:
    """Stop copying events of this kind in this conversation; and everywhere, once it is the third in a row.

    `is_gone`: the conversation does not exist at Vonage; the next try makes it anew.
    """
    told = {"code": error.code[:100], "reason": str(error), "is_gone": is_gone}
    with transaction.atomic():
        MirrorRefusal.objects.get_or_create(conversation=conversation, kind=kind, defaults=told)
        if _refused_in_a_row(kind) >= MOST_REFUSALS:
            MirrorRefusal.objects.get_or_create(conversation=None, kind=kind, defaults=told)
    logger.warning("Vonage refuses %s of conversation %s: %s", kind.value, conversation.pk, error.code)


def try_again(refusal: MirrorRefusal) -> int:
    """Ask Vonage once more: remove the refusal (one of all conversations takes the single ones along) and make what it stopped due.

    The number of events that are due again.
    """
    kind = EventKind(refusal.kind)
    refusals, of_conversations = MirrorRefusal.objects.filter(kind=kind), Conversation.objects.all()
    stopped = MirroredEvent.objects.filter(_is_of(kind), state=State.CANCELLED, error_code=MirroredEvent.REFUSED)
    if refusal.conversation:
        refusals = refusals.filter(conversation=refusal.conversation)
        of_conversations = of_conversations.filter(pk=refusal.conversation.pk)
        stopped = stopped.filter(conversation=refusal.conversation)
    with transaction.atomic():
        if refusal.is_gone:
            Member.objects.filter(conversation__in=of_conversations).update(provider_id=None)
            of_conversations.update(provider_id=None)
        refusals.delete()
        due = stopped.update(**MirroredEvent.afresh(), last_error="", error_code="")
        transaction.on_commit(wake)
    return due


def _refused_in_a_row(kind: EventKind) -> int:
    """How many conversations were refused since something of that kind was last taken."""
    done = MirroredEvent.objects.filter(_is_of(kind), state=State.DONE).order_by("-finished_at").first()
    refused = MirrorRefusal.objects.filter(kind=kind, conversation__isnull=False)
    return refused.filter(created_at__gt=done.finished_at).count() if done and done.finished_at else refused.count()


def _is_of(kind: EventKind) -> Q:
    """The rows of one kind."""
    by_type = {EventKind.MESSAGE: Q(event__type="message"), EventKind.CUSTOM: Q(event__type__startswith="custom:")}
    return by_type.get(kind, Q())
