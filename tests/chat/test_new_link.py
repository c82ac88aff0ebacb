"""“Mail me a new link”: one answer for everybody, and a mail for whoever has the address."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import privacy
from accounts.models import User
from chat import conversations, links
from chat.coordinator import drain
from chat.entry import mails, requests
from chat.entry.models import AccessLink, LinkRequest, MailedLink
from chat.outbox import BackendError, State
from orders.backends import embedded
from orders.mail_models import StoredMail
from orders.models import Order
from tests.accounts.threads import THREADS, at_once
from tests.opening import come_in, link_to, press, token_in
from tests.plans import led_by, many_people, plans

Answer = Any


def ask(address: str, browser: Client | None = None, **headers: Any) -> Answer:
    """Type an address; the worker looks."""
    answer = (browser or Client(enforce_csrf_checks=True)).post("/new-link/", {"email": address}, **headers)
    drain()
    return answer


def links_mailed() -> list[str]:
    """The links that were mailed, from the path on."""
    return [mail.params["url"].removeprefix("http://localhost:3000") for mail in StoredMail.objects.order_by("pk")]


@pytest.mark.parametrize("address", ["alice@example.com", "  ALICE@Example.com "])
def test_a_customer_gets_a_link_that_opens(order: Order, address: str) -> None:
    ask(address)
    [link] = links_mailed()
    assert "Blue mug" in come_in(Client(), link).content.decode()


def test_the_answer_is_the_same_for_an_address_that_nobody_has(order: Order) -> None:
    known, unknown = ask("alice@example.com"), ask("nobody@example.com")
    bodies = [answer.content.replace(token_in(answer.content.decode()).encode() or b"\x00", b"") for answer in (known, unknown)]
    assert (known.status_code, bodies[0] == bodies[1], known.headers.keys() == unknown.headers.keys()) == (200, True, True)


def test_the_page_does_the_same_work_for_an_address_that_nobody_has(order: Order, django_assert_num_queries: Any) -> None:
    for address in ("alice@example.com", "nobody@example.com"):
        # Two of them begin and end the transaction.
        with django_assert_num_queries(3 + 2 + (2 if connection.vendor == "postgresql" else 0)):
            Client().post("/new-link/", {"email": address})


def test_nobody_else_is_mailed(order: Order, bob: User, agent: User) -> None:
    conversations.open_for(bob)
    for address in ("nobody@example.com", "agent@example.com", "alice@example.co", "%@example.com"):
        ask(address)
    assert links_mailed() == []


def test_a_person_who_was_switched_off_is_not_mailed(order: Order) -> None:
    User.objects.filter(pk=order.customer_id).update(is_active=False)
    ask("alice@example.com")
    assert links_mailed() == []


def test_two_people_of_one_address_get_a_link_each(order: Order, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(email="alice@example.com")
    conversations.open_for(bob)
    ask("alice@example.com")
    assert sorted(link.split("/")[2] for link in links_mailed()) == ["alice", "bob"]


def test_an_address_is_looked_up_without_reading_all_people(order: Order) -> None:
    many_people()
    with plans() as found:
        ask("ALICE@Example.com")
    assert (len(links_mailed()), led_by("people_by_mail_address", found)) == (1, True)


def test_the_typed_address_is_not_kept(order: Order) -> None:
    ask("alice@example.com")
    ask("nobody@example.com")
    assert {(row.address, row.state) for row in LinkRequest.objects.all()} == {("", State.DONE)}


NO_ADDRESSES = ["", "alice", "a@b", "a" * 300 + "@example.com", "a\x00@example.com", "two@example.com, three@example.com"]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_said_so(db: None, address: str) -> None:
    answer = ask(address)
    assert (answer.status_code, "like anna@example.com" in answer.content.decode(), LinkRequest.objects.count()) == (422, True, 0)


def test_strangers_fill_nobodys_mailbox(order: Order) -> None:
    answers = {ask("alice@example.com", REMOTE_ADDR=f"203.0.113.{number}").status_code for number in range(12)}
    assert (answers, len(links_mailed()), LinkRequest.objects.count()) == ({200}, 3, 5)


def test_one_caller_asks_thirty_times_an_hour_at_most(db: None) -> None:
    answers = {Client().post("/new-link/", {"email": f"person-{number}@example.com"}).status_code for number in range(33)}
    assert (answers, LinkRequest.objects.count()) == ({200}, 30)


def test_a_caller_with_a_network_of_addresses_is_one_caller(db: None) -> None:
    answers = {ask(f"person-{number}@example.com", REMOTE_ADDR=f"2001:db8:0:1::{number:x}").status_code for number in range(33)}
    assert (answers, LinkRequest.objects.count()) == ({200}, 30)


def test_an_hour_later_one_may_ask_again(order: Order) -> None:
    for _press in range(6):
        ask("alice@example.com")
    before = timezone.now() - timedelta(minutes=61)
    LinkRequest.objects.update(created_at=before)
    MailedLink.objects.update(created_at=before)
    ask("alice@example.com")
    assert len(links_mailed()) == 4


def test_the_form_works_for_a_browser_without_cookies(order: Order) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.get("/new-link/")
    browser.cookies.clear()
    assert ask("alice@example.com", browser).status_code == 200


def test_the_closed_door_has_the_form(db: None) -> None:
    assert 'action="/new-link/"' in Client().get("/chat/alice/CON-0/1001?key=x").content.decode()


def test_a_link_that_was_revoked_before_its_mail_left_is_not_mailed(order: Order) -> None:
    link = mails.mail_link(conversations.open_for(order.customer), order.number)
    AccessLink.objects.filter(pk=link.pk).update(revoked_at=timezone.now())
    drain()
    assert (links_mailed(), MailedLink.objects.get().state) == ([], State.CANCELLED)


def test_a_mail_in_doubt_is_repeated_under_its_key_while_that_protects(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    mails.mail_link(conversations.open_for(order.customer), order.number)
    lose_the_answer(monkeypatch)
    drain()
    assert (MailedLink.objects.get().state, MailedLink.objects.get().is_unknown) == (State.WAITING, True)
    monkeypatch.undo()
    MailedLink.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    drain()
    assert (MailedLink.objects.get().state, len(links_mailed())) == (State.DONE, 1)


def test_a_mail_in_doubt_for_longer_is_left_to_people(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    mails.mail_link(conversations.open_for(order.customer), order.number)
    MailedLink.objects.update(tried_at=timezone.now() - timedelta(minutes=15))
    monkeypatch.setattr(embedded.EmailBackend, "is_local", False)
    drain()
    row = MailedLink.objects.get()
    assert (row.state, row.error_code, links_mailed()) == (State.FAILED, "outcome_unknown", [])


def test_a_customer_without_an_address_fails_where_staff_sees_it(order: Order) -> None:
    User.objects.filter(pk=order.customer_id).update(email="")
    order.customer.refresh_from_db()
    mails.mail_link(conversations.open_for(order.customer), order.number)
    drain()
    row = MailedLink.objects.get()
    words = "Alice Martin has no mail address. Add one to the customer, then press “Retry now”."
    assert (row.error_code, row.last_error) == ("no_address", words)


def lose_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail is taken, and the answer gets lost on its way back."""
    send = embedded.EmailBackend.send_messages

    def send_and_lose(self: Any, messages: Any) -> int:
        send(self, messages)
        raise BackendError("The connection broke.", code="connection_lost", unknown=True)

    monkeypatch.setattr(embedded.EmailBackend, "send_messages", send_and_lose)


def test_an_erased_customers_links_open_nothing_and_nothing_is_mailed(order: Order) -> None:
    link = links.issue(order.customer.conversation, order.number)
    browser = Client()
    press(browser, link_to(order.customer.conversation, order.number))
    mails.mail_link(order.customer.conversation, order.number)
    Client().post("/new-link/", {"email": "alice@example.com"})
    privacy.erase(order.customer, by=None)
    drain()
    assert (links_mailed(), LinkRequest.objects.get().address, MailedLink.objects.get().state) == ([], "", State.CANCELLED)
    link.refresh_from_db()
    assert (link.is_open, browser.get(links.path_for(order.customer.conversation, order.number)).status_code) == (False, 404)


@THREADS
def test_of_many_requests_at_once_no_more_are_taken_than_of_one_after_the_other() -> None:
    at_once(12, lambda number: Client().post("/new-link/", {"email": "alice@example.com"}, REMOTE_ADDR=f"192.0.2.{number}"))
    assert LinkRequest.objects.count() == 5


@THREADS
def test_nor_from_one_caller() -> None:
    LinkRequest.objects.bulk_create(
        LinkRequest(address_digest=str(number), caller_digest=requests._digest("192.0.2.7")) for number in range(27)
    )
    at_once(8, lambda number: Client().post("/new-link/", {"email": f"user{number}@example.com"}, REMOTE_ADDR="192.0.2.7"))
    assert LinkRequest.objects.count() == 30
