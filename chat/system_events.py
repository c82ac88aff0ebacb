"""Events in which the system itself speaks, for many customers at once: conversations opened and events added in few statements."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from accounts.models import User
from chat import conversations, record
from chat.models import JSON, Conversation, Member


@dataclass(frozen=True)
class News:
    """What a customer's conversation is to be told; with a `key` that was used there before, nothing new happens.

    `correlation_id`: of the row or request that causes it.
    """

    customer: User
    type: str
    body: JSON
    key: str
    correlation_id: str = ""


def add(news: Sequence[News]) -> dict[int, Conversation]:
    """Open the conversations that are not open yet and add each event once; the conversations by their customer's primary key."""
    customers = {told.customer.pk: told.customer for told in news}
    with transaction.atomic():
        found, drafts = _opened(customers)
        drafts += [
            record.Draft(found[told.customer.pk].pk, told.type, told.body, key=told.key, correlation_id=told.correlation_id)
            for told in news
        ]
        for outcome in record.store(drafts):
            if isinstance(outcome, Exception):
                raise outcome
    return found


def _opened(customers: dict[int, User]) -> tuple[dict[int, Conversation], list[record.Draft]]:
    """The customers' conversations, new ones where there were none, and what is still to be said in those."""
    found = {known.customer_id: known for known in Conversation.objects.filter(customer__in=customers)}
    new = [customer for number, customer in customers.items() if number not in found]
    drafts: list[record.Draft] = []
    try:
        with transaction.atomic():
            opened = Conversation.objects.bulk_create(Conversation(customer=customer) for customer in new)
            members = Member.objects.bulk_create(Member(conversation=one, user=one.customer) for one in opened)
            drafts = [conversations.joining(member) for member in members]
    except IntegrityError:
        # Somebody else was faster with one of them.
        opened = [conversations.open_for(customer) for customer in new]
    found |= {one.customer_id: one for one in opened}
    for number, conversation in found.items():
        conversation.customer = customers[number]
    return found, drafts
