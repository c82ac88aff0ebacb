"""Providers delete what they hold of an erased customer: rows of the outbox, so each is asked until it has done so."""

from collections.abc import Callable
from functools import partial

from accounts.models import User
from chat import backends, outbox
from chat.outbox import Call, Work
from chat.privacy.models import Deletion, Thing

Delete = Callable[[str], None]
_deletes: dict[str, tuple[Delete, str]] = {}


def ask(customer: User, what: Thing, identifier: str) -> None:
    """Have a provider delete `identifier`."""
    Deletion.objects.create(what=what, identifier=identifier, about=customer.public_id)


def deletes(what: Thing, delete: Delete, *, provider: str) -> None:
    """`delete(identifier)` deletes such things; what is gone already is no error. It raises BackendError."""
    _deletes[what] = delete, provider


@outbox.works_on(Deletion)
def run(row: Deletion) -> Work:
    """One call; afterwards nobody needs the identifier."""
    delete, provider = _deletes[row.what]
    yield Call(partial(delete, row.identifier), provider=provider)
    row.stamp(identifier="")


deletes(Thing.VONAGE_CONVERSATION, lambda identifier: backends.mirror().delete_conversation(identifier), provider="vonage")
deletes(Thing.VONAGE_USER, lambda identifier: backends.mirror().delete_user(identifier), provider="vonage")
