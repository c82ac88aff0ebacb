"""What we hold about a customer: handed over as a whole, or erased with evidence.

Each app registers its part, so nobody has to know of the apps above. Exported is what the app's part yields; what a part erases it
replaces, because numbers and totals stay for the books.
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext, gettext_lazy

from accounts import audit, idempotency, languages, takeaway, traces
from accounts.models import AuditEntry, StoredAnswer, User
from accounts.reading import Reading

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

Row = dict[str, Any]
Counts = dict[str, int]
KINDS = {"customer": gettext_lazy("Person"), "audit": gettext_lazy("What was done with the data")}


@dataclass(frozen=True)
class Erasure:
    """One erasure under way. `terms` are the person's data as they were before; `reading` knows what was read of long tables."""

    customer: User
    terms: traces.Terms
    reading: Reading


@dataclass(frozen=True)
class Part:
    """An app's share. `export` yields (kind, row) pairs; `kinds`: the heading of each; `erase` answers what it did, counted in words.

    `look` asks `reading` all that `erase` will ask, so that it is read before others have to wait. `needed`: the places that still name
    somebody because a provider is to be told whom to delete. `former`: mail addresses and the like under which the person was known
    earlier. `marks`: patterns by which the text of a stored answer is recognised as about the person.
    """

    export: Callable[[User], Iterator[tuple[str, Row]]]
    kinds: Mapping[str, "StrPromise"]
    erase: Callable[[Erasure], Counts]
    needed: Callable[[], set[traces.Trace]] = set
    look: Callable[[Erasure], object] = lambda erasure: None
    former: Callable[[User, Reading], Iterable[str]] = lambda customer, reading: ()
    marks: Callable[[User], Iterable[str]] = lambda customer: ()


class NotACustomerError(Exception):
    """Staff, agents and programs are no customers; what they did belongs to the shop's record."""


_parts: list[Part] = []


def register(part: Part) -> None:
    """Add an app's part. Apps above come later, and their parts are erased first: they may still need what is below."""
    _parts.append(part)


def check_is_customer(user: User) -> None:
    """Raise NotACustomerError for everybody else."""
    if user.is_staff or user.is_superuser or user.is_agent or user.api_keys.exists():
        raise NotACustomerError(gettext("%s is no customer.") % user.username)


def export(customer: User, *, by: User | None) -> bytes:
    """Everything about the customer as one file (`accounts/takeaway.py`)."""
    check_is_customer(customer)
    rows = [{"kind": kind, **row} for part in _parts for kind, row in part.export(customer)]
    audit.record(by, AuditEntry.Action.EXPORTED, customer, rows=len(rows))
    with languages.as_read_by(customer):
        headings = {kind: str(words) for part in _parts for kind, words in part.kinds.items()}
        return takeaway.write(customer.public_id, rows, headings=headings)


def erase(customer: User, *, by: User | None) -> tuple[traces.Terms, Counts]:
    """Replace the customer's data everywhere, in one transaction; what to search for afterwards, and what was done."""
    reading = Reading()
    # Twice: what comes while much is read is read by the second look, which is short, so that next to nothing is left for the transaction.
    for _look in range(2):
        _look_ahead(customer, reading)
    with transaction.atomic():
        customer = User.objects.select_for_update(no_key=False).get(pk=customer.pk)
        check_is_customer(customer)
        # What was read before is not read again, unless they are known by something else since: then the question is another one.
        erasure, done = Erasure(customer, terms_of(customer, reading), reading), Counter[str]()
        for part in reversed(_parts):
            done.update(part.erase(erasure))
        audit.record(by, AuditEntry.Action.ERASED, customer, **done)
    return erasure.terms, dict(done)


def _look_ahead(customer: User, reading: Reading) -> None:
    customer = User.objects.get(pk=customer.pk)
    check_is_customer(customer)
    erasure = Erasure(customer, terms_of(customer, reading), reading)
    for part in _parts:
        part.look(erasure)


def terms_of(customer: User, reading: Reading | None = None) -> traces.Terms:
    """What the customer is and was known by. What is another person's by now is not taken for theirs."""
    reading = reading or Reading()
    former = {word for part in _parts for word in part.former(customer, reading) if word}
    others = User.objects.exclude(pk=customer.pk)
    own = [word for word in former if not others.filter(Q(email__iexact=word) | Q(phone=word) | Q(name__iexact=word)).exists()]
    return traces.Terms.of(customer, *own)


def left(terms: traces.Terms) -> list[traces.Trace]:
    """Every place that names the person and should not."""
    needed = {trace for part in _parts for trace in part.needed()}
    return [trace for trace in traces.search(terms) if trace not in needed]


def _export(customer: User) -> Iterator[tuple[str, Row]]:
    names = ("public_id", "username", "name", "first_name", "last_name", "email", "phone", "language", "time_zone")
    dates = {"date_joined": takeaway.moment(customer.date_joined), "last_login": takeaway.moment(customer.last_login)}
    yield "customer", {name: getattr(customer, name) for name in names} | dates
    for entry in AuditEntry.objects.filter(subject=audit.name_of(customer)).order_by("pk"):
        yield "audit", {"at": takeaway.moment(entry.at), "act": entry.action, "details": entry.details}


def _erase(erasure: Erasure) -> Counts:
    customer, terms = erasure.customer, erasure.terms
    kept = StoredAnswer.objects.exclude(status=idempotency.GONE)
    about = kept.filter(pk__in=_answers_about(customer, erasure.reading)).update(**idempotency.ERASED)
    others = list(kept.filter(pk__in=_answers_that_name(erasure)))
    for answer in others:
        answer.body, answer.address = terms.scrub(answer.body), terms.scrub(answer.address)
        answer.fields, answer.headers = terms.scrub(answer.fields), terms.scrub(answer.headers)
        answer.save(update_fields=["body", "address", "fields", "headers"])
    for word in terms.words:
        AccessAttempt.objects.filter(username__iexact=word).delete()
    theirs = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(customer.pk))
    theirs.update(object_repr=customer.public_id, change_message="")
    customer.username = customer.erased_username
    customer.name = customer.first_name = customer.last_name = customer.email = customer.phone = ""
    customer.is_active, customer.provider_id = False, None
    customer.set_unusable_password()
    customer.save()
    return {"people": 1, "stored answers of the API": about + len(others)}


def _answers_that_name(erasure: Erasure) -> set[int]:
    pattern = erasure.terms.pattern

    def names(*values: Any) -> bool:
        return any(pattern.search(str(value)) for value in values)

    columns = ("body", "address", "fields", "headers")
    return erasure.reading.keys(StoredAnswer, columns, question=frozenset(erasure.terms.words), fits=names)


def _answers_about(customer: User, reading: Reading) -> set[int]:
    """What programs were answered about the person or their things: it may hold an address, a message, anything."""
    marks = [re.escape(customer.public_id), rf'"(?:username|customer)":\s*{re.escape(json.dumps(customer.username, ensure_ascii=False))}']
    marks += [mark for part in _parts for mark in part.marks(customer)]
    pattern = re.compile("|".join(marks))

    def is_about_them(body: str, address: str, headers: Any) -> bool:
        return any(map(pattern.search, (body, address, json.dumps(headers))))

    return reading.keys(StoredAnswer, ("body", "address", "headers"), question=pattern, fits=is_about_them)


def _former(customer: User, reading: Reading) -> Iterator[str]:
    """As programs told of the person earlier."""
    for body in StoredAnswer.objects.filter(pk__in=_answers_about(customer, reading)).values_list("body", flat=True):
        with contextlib.suppress(ValueError):
            told = json.loads(body)
            if isinstance(told, dict) and told.get("username") == customer.username:
                yield from (str(told.get(name) or "") for name in ("email", "phone", "name"))


def _marks(customer: User) -> Iterator[str]:
    yield rf"/customers/{re.escape(quote(customer.username))}(?=[/? ]|$)"


register(Part(_export, KINDS, _erase, look=_answers_that_name, former=_former, marks=_marks))
