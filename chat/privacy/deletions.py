"""Providers delete what they hold of an erased customer: rows of the outbox, so each is asked until it has done so."""

from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from accounts.models import User
from chat import backends, backoff, leases, mirror, outbox
from chat.backends import names
from chat.backends.base import Page
from chat.outbox import Call, Work
from chat.privacy.models import Deletion, Thing

Delete = Callable[[str], None]
_deletes: dict[str, tuple[Delete, str]] = {}


def ask(customer: User, what: Thing, identifier: str, *, may_be_under_way: bool = False) -> None:
    """Have a provider delete `identifier`: at once, unless a call of ours that brings more of it there may be under way."""
    due = {"next_attempt_at": _once_calls_have_ended()} if may_be_under_way else {}
    Deletion.objects.create(what=what, identifier=identifier, about=customer.public_id, **due)


def ask_by_name(customer: User, what: Thing, name: str) -> None:
    """The same for what a provider may hold under a name of ours (chat/backends/names.py) without our knowing its id.

    The call that made it lost its answer or is still under way, so it is looked for only when such a call must have ended.
    """
    Deletion.objects.create(what=what, identifier=name, about=customer.public_id, next_attempt_at=_once_calls_have_ended())


def _once_calls_have_ended() -> datetime:
    """When whatever is under way now has ended, also at a provider that goes on working after we gave up waiting."""
    return outbox.clock() + leases.lease() + timedelta(seconds=backoff.SLOW_SECONDS)


def deletes(what: Thing, delete: Delete, *, provider: str) -> None:
    """`delete(identifier)` deletes such things; what is gone already is no error. It raises BackendError."""
    _deletes[what] = delete, provider


@outbox.works_on(Deletion)
def run(row: Deletion) -> Work:
    """One call, and before it a search where only our own name is known; afterwards nobody needs the identifier."""
    delete, provider = _deletes[row.what]
    identifier: str | None = row.identifier
    if names.public_id(row.identifier):
        identifier = yield from _look_up(row)
    if identifier:
        yield Call(partial(delete, identifier), provider=provider)
    row.stamp(identifier="")


def _look_up(row: Deletion) -> Generator[Call, Any, str | None]:
    def look(cursor: str | None) -> Page:
        if row.what == Thing.VONAGE_USER:
            return backends.mirror().find_user(row.identifier)
        return backends.mirror().find_conversation(row.identifier, cursor=cursor)

    return (yield from mirror.search(row, look))


deletes(Thing.VONAGE_CONVERSATION, lambda identifier: backends.mirror().delete_conversation(identifier), provider="vonage")
deletes(Thing.VONAGE_USER, lambda identifier: backends.mirror().delete_user(identifier), provider="vonage")
