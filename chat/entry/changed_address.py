"""What follows from another mail address: earlier links open nothing any more, and the former address is told.

So nobody takes a conversation over by writing their own address into its customer and asking for a link, without its owner hearing of it.
"""

from copy import copy

from accounts import addresses
from accounts.models import User
from chat import links, outbox
from chat.entry import mails
from chat.entry.models import AddressNotice
from chat.models import Conversation
from chat.outbox import Work


@addresses.on_change
def shut_and_tell(person: User, before: str) -> None:
    """End every open link with what came by it, and have a mail go to the address before."""
    conversation = Conversation.objects.select_related("customer").filter(customer=person).first()
    if conversation:
        links.revoke_all(conversation)
    AddressNotice.objects.create(person=person, address=before)


@outbox.works_on(AddressNotice)
def tell(row: AddressNotice) -> Work:
    """Send the mail, which holds no link and not the new address; told twice does no harm. Then the former address is forgotten."""
    former = copy(row.person)
    former.email = row.address
    yield from mails.hand_over(row, mails.built("changed_address", former, {}, idempotency_key=row.idempotency_key))
    row.finish(address="")
