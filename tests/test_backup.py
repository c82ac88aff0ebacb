"""The backup and restore commands of docs/operations.md, run as they stand there, while orders come in."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from accounts.models import User
from chat.conversations import open_for
from chat.coordinator import drain
from chat.entry.mails import mail_link
from chat.entry.models import MailedLink
from chat.outbox import State
from orders.models import Order, OrderConfirmation
from tests.chaos.processes import ROOT, Inside, environment
from tests.orders.brevo_side import sendinblue
from tests.services import MissingError, Postgres
from tests.twins import BrevoTwin

COLUMNS = r"^\| {name} \| (?P<backup>.*) \| (?P<restore>.*) \|$"


def documented(name: str, column: str) -> str:
    """The first command in a cell of the table."""
    row = re.search(COLUMNS.format(name=name), (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert row
    found = re.search(r"`([^`]+)`", row[column])
    assert found
    return found[1]


class Shop:
    """A database, orders that come in, and a folder to run commands in."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.environment = environment(DATABASE_URL=database, ENV_FILE=os.devnull, SECRET_KEY="k" * 50)

    def prepare(self) -> None:
        """Tables and customers."""
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True)
        self._ask(lambda inside: inside.ask("prepare", customers=["alice"]))

    def order(self, first: int, last: int) -> None:
        """Place so many orders."""
        self._ask(lambda inside: [self._place(inside, number) for number in range(first, last)])

    def orders(self) -> set[str]:
        """The clients' ids of all orders that are stored."""
        found: list[Any] = []
        self._ask(lambda inside: found.append(inside.ask("audit")))
        return set(found[0]["orders"].values())

    def run(self, command: str) -> None:
        """As a person types it."""
        done = subprocess.run(command, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def run_while_orders_come_in(self, command: str) -> None:
        """The same, with orders 10 to 40 on their way."""
        busy = threading.Thread(target=self.order, args=(10, 40))
        busy.start()
        self.run(command)
        busy.join()

    def _place(self, inside: Inside, number: int) -> None:
        assert "number" in inside.ask("place", external_id=str(number), customer="alice", quantity=1)

    def _ask(self, act: Callable[[Inside], object]) -> None:
        inside = Inside(self.environment, self.folder / "inside.log")
        try:
            act(inside)
        finally:
            inside.end()


FIRST_TEN = {str(number) for number in range(10)}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("sqlite3"), reason="sqlite3 is not on this machine (Debian: apt-get install sqlite3)")
def test_a_backup_of_sqlite_brings_every_order_back(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    database = tmp_path / "var" / "db.sqlite3"
    shop = Shop(tmp_path, f"sqlite:///{database}")
    shop.prepare()
    shop.order(0, 10)
    shop.run_while_orders_come_in(documented("SQLite", "backup"))
    for name in ("db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"):
        (tmp_path / "var" / name).unlink(missing_ok=True)
    (tmp_path / "backup.sqlite3").rename(database)
    found = shop.orders()
    shop.order(50, 51)
    assert (found >= FIRST_TEN, shop.orders() - found) == (True, {"50"})


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="backup-") as name:
        Path(name).chmod(0o755)
        try:
            server = Postgres(Path(name))
        except MissingError as missing:
            pytest.skip(str(missing))
        server.start()
        try:
            yield server
        finally:
            server.stop(how="immediate")


@pytest.mark.slow
def test_a_backup_of_postgresql_brings_every_order_back(postgres: Postgres, tmp_path: Path) -> None:
    shop = Shop(tmp_path, postgres.url)
    shop.prepare()
    shop.order(0, 10)
    shop.run_while_orders_come_in(documented("PostgreSQL", "backup"))
    shop.order(40, 50)
    shop.run(documented("PostgreSQL", "restore"))
    found = shop.orders()
    shop.order(50, 51)
    assert (found >= FIRST_TEN, found & {"40", "49"}, shop.orders() - found) == (True, set(), {"50"})


def told_and_restored(place: Callable[..., Order], customer: User, brevo: BrevoTwin) -> Order:
    """An order whose mail has left, by records of before that, put back when Sendinblue knows its key no more."""
    order = place(customer)
    before = OrderConfirmation.objects.filter(order=order).values().get()
    drain()
    brevo.keys.clear()
    fields = {name: value for name, value in before.items() if name not in {"id", "created_at"}}
    age = OrderConfirmation.objects.get(order=order).created_at.replace(year=2020)
    OrderConfirmation.objects.filter(order=order).update(**fields | {"created_at": age, "state": State.WAITING})
    return order


@pytest.mark.parametrize(("is_said", "mails"), [(True, 1), (False, 2)])
def test_what_was_told_after_the_backup_is_not_told_again(
    settings: Settings, alice: User, place: Callable[..., Order], is_said: bool, mails: int
) -> None:
    with sendinblue(settings) as brevo:
        order = told_and_restored(place, alice, brevo)
        if is_said:
            call_command("restored")
        drain()
        assert (len(brevo.mails), order.confirmations.get().state) == (mails, State.DONE)


def test_what_was_told_after_the_backup_is_not_told_again_where_sendinblue_could_not_be_asked_at_once(
    settings: Settings, alice: User, place: Callable[..., Order]
) -> None:
    with sendinblue(settings) as brevo:
        order = told_and_restored(place, alice, brevo)
        call_command("restored")
        brevo.faults.set("brevo.list_mails", {"fault": "status", "status": 500, "times": 1})
        drain()
        assert order.confirmations.get().state == State.WAITING
        order.confirmations.get().retry_now()
        drain()
        assert (len(brevo.mails), order.confirmations.get().state) == (1, State.DONE)


def test_a_link_that_may_have_been_mailed_after_the_backup_waits_for_a_person(
    settings: Settings, alice: User, place: Callable[..., Order]
) -> None:
    with sendinblue(settings) as brevo:
        order = place(alice)
        drain()
        link = mail_link(open_for(alice), order.number)
        MailedLink.objects.update(created_at=link.created_at.replace(year=2020))
        call_command("restored")
        drain()
        assert (len(brevo.mails), MailedLink.objects.get().state, MailedLink.objects.get().is_unknown) == (1, State.FAILED, True)
