"""An erasure while others write: it keeps them waiting for no search, and what they write meanwhile does not escape it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.core.serializers import serialize
from django.db import connection

from accounts import privacy
from accounts.models import StoredAnswer, User
from chat import conversations
from chat.phones.models import StoredText
from orders.mail_models import StoredMail

NAME, EMAIL, EARLIER = "Ottilie Übermäßig", "ottilie.u@example.com", "o.maiden@example.net"
OF_OTHERS = 40


def answered(key: str, body: str, **more: Any) -> StoredAnswer:
    """A program was answered this."""
    return StoredAnswer.objects.create(caller="shop", key=key, address="POST /api/customers/", status=201, body=body, **more)


def mailed(key: str, to: str) -> StoredMail:
    """A mail of the embedded side."""
    return StoredMail.objects.create(idempotency_key=key, to=to, from_email="shop@example.com", subject=f"To {to}", params={"order_id": 1})


def texted(key: str, text: str) -> StoredText:
    """A text of the embedded side."""
    return StoredText.objects.create(key=key, to="4670", text=text)


@pytest.fixture
def ottilie(db: None) -> User:
    """A customer beside whom there is much else: tables that are long to read, and a few rows of hers in each."""
    customer = User.objects.create_user("ottilie", EMAIL, name=NAME)
    conversations.open_for(customer)
    answered("first", "{}", pk=5000)
    for number in range(OF_OTHERS):
        answered(f"other {number}", f'{{"username": "other-{number}"}}')
        mailed(f"other {number}", f"other-{number}@example.com")
        texted(f"other {number}", f"Customer {number} waits.")
    answered("hers", f'{{"username": "ottilie", "email": "{EMAIL}"}}')
    answered("names her", f'{{"username": "friend", "name": "A friend of {NAME}, once {EARLIER}"}}')
    mailed("hers", EMAIL)
    texted("names her", f"{NAME} waits.")
    return customer


def everything() -> str:
    """Every row of every table, as text."""
    return serialize("json", [row for model in apps.get_models() for row in model._base_manager.all()], ensure_ascii=False).lower()


@contextmanager
def at_the_transaction(act: Callable[[], object]) -> Iterator[list[tuple[str, Any]]]:
    """Do this in the moment before the erasure's transaction begins; the statements and parameters from there on."""
    inside: list[tuple[str, Any]] = []

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SAVEPOINT") and not inside:
            inside.append((sql, ()))
            act()
        elif inside:
            inside.append((sql, params or ()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield inside


@pytest.mark.parametrize(
    ("table", "column"), [("accounts_storedanswer", "body"), ("orders_storedmail", "params"), ("chat_storedtext", "text")]
)
def test_in_the_transaction_no_table_is_searched_for_the_person(ottilie: User, table: str, column: str) -> None:
    with at_the_transaction(lambda: None) as inside:
        privacy.erase(ottilie, by=None)
    read = [(sql, params) for sql, params in inside if sql.startswith("SELECT") and f'"{table}"."{column}"' in sql]
    assert [sql for sql, params in read if f'"{table}"."id" IN' not in sql or len(params) > 10] == []


def test_what_was_there_before_is_erased(ottilie: User) -> None:
    _terms, done = privacy.erase(ottilie, by=None)
    assert (NAME.lower() in everything(), EMAIL in everything()) == (False, False)
    assert (done["stored answers of the API"], done["kept mails"]) == (2, 1)


@pytest.mark.parametrize(
    "arrive",
    [
        lambda: answered("late", f'{{"username": "ottilie", "name": "{NAME}", "note": "a secret"}}'),
        lambda: answered("late names her", f'{{"username": "friend", "name": "{NAME}", "note": "{EMAIL}"}}'),
        lambda: answered("begun earlier", f'{{"username": "ottilie", "note": "a secret of {NAME}"}}', pk=7),
        lambda: mailed("late", f"{NAME} <{EMAIL}>"),
        lambda: texted("late", f"{NAME} waits at {EMAIL}."),
    ],
)
def test_what_is_written_just_before_the_transaction_does_not_escape(ottilie: User, arrive: Callable[[], object]) -> None:
    with at_the_transaction(arrive):
        privacy.erase(ottilie, by=None)
    found = everything()
    assert [word for word in (NAME.lower(), EMAIL, "a secret") if word in found] == []


def test_an_address_that_becomes_known_just_before_the_transaction_is_searched_for_in_all_that_was_read(ottilie: User) -> None:
    with at_the_transaction(lambda: answered("late", f'{{"username": "ottilie", "email": "{EARLIER}"}}')):
        privacy.erase(ottilie, by=None)
    assert EARLIER not in everything()


def test_whoever_becomes_staff_just_before_the_transaction_is_not_erased(ottilie: User) -> None:
    with at_the_transaction(lambda: User.objects.filter(pk=ottilie.pk).update(is_staff=True)), pytest.raises(privacy.NotACustomerError):
        privacy.erase(ottilie, by=None)
    assert User.objects.get(pk=ottilie.pk).name == NAME
