"""A forwarded link: two cookie jars, one mailed code."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from chat import links
from chat.coordinator import drain
from chat.entry import codes, devices
from chat.entry.models import AccessLink, Device, LinkUse, MailedCode
from chat.models import Conversation, Event
from orders.mail_models import StoredMail
from orders.models import Order
from tests.accounts.threads import THREADS, at_once
from tests.opening import come_in, link_to, press

Answer = Any


@pytest.fixture
def order(alice: User, place: Callable[..., Order]) -> Order:
    """An order with an address, that Alice was told of."""
    placed = place(alice)
    Order.objects.filter(pk=placed.pk).update(street="Elm Street 1", city="Lübeck")
    drain()
    return placed


@pytest.fixture
def link(order: Order) -> str:
    """The mail's link, which Alice opened first, in a browser of her own."""
    url: str = StoredMail.objects.get().params["url"].removeprefix("http://localhost:3000")
    come_in(Client(), url)
    return url


@pytest.fixture
def friend(link: str) -> Client:
    """The browser of somebody whom Alice forwarded the mail to."""
    browser = Client(raise_request_exception=False)
    press(browser, link)
    return browser


def path(order: Order, end: str = "") -> str:
    """The page, or the address below it."""
    return links.path_for(order.customer.conversation, order.number) + end


def ask(browser: Client, order: Order) -> Answer:
    """Press "Mail me a code"; the worker mails it."""
    answer = browser.post(path(order, "/code"), {"ask": "1"})
    drain()
    return answer


def mailed() -> str:
    """The code in the newest mail."""
    return str(StoredMail.objects.filter(params__has_key="code").latest("pk").params["code"])


def try_code(browser: Client, order: Order, code: str) -> Answer:
    """Type a code."""
    return browser.post(path(order, "/code"), {"code": code})


def other_than(code: str) -> str:
    """A wrong one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


# --- Before the code ---------------------------------------------------------------------------------------------------


def test_a_second_browser_reads_how_the_order_stands(friend: Client, order: Order) -> None:
    page = friend.get(path(order)).content.decode()
    assert (f"Order {order.number}" in page, "placed" in page) == (True, True)


@pytest.mark.parametrize("secret", ["Elm Street", "Lübeck", "Blue mug", "34.98", "Alice Martin", "alice@example.com", "page-data"])
def test_a_second_browser_reads_nothing_else(friend: Client, order: Order, secret: str) -> None:
    assert secret not in friend.get(path(order)).content.decode()


def test_a_second_browser_sees_enough_of_the_address_for_its_owner(friend: Client, order: Order) -> None:
    assert "a…@e….com" in friend.get(path(order)).content.decode()


DOORS = ["events/", "events/?as=alice", "token/"]


@pytest.mark.parametrize("door", DOORS)
def test_a_second_browser_is_named_to_programs(friend: Client, order: Order, door: str) -> None:
    answer = friend.get(f"/api/conversations/{order.customer.conversation.public_id}/{door}")
    assert (answer.status_code, answer.json()["code"]) == (403, "unconfirmed_device")


@pytest.mark.parametrize("door", ["events", "seen", "solve", "present", "calls"])
def test_a_second_browser_writes_through_no_door(friend: Client, order: Order, door: str) -> None:
    before = Event.objects.count()
    body = {"type": "message", "body": {"message_type": "text", "text": "Hello"}, "phone": "+46705550120", "sequence": 1}
    address = f"/api/conversations/{order.customer.conversation.public_id}/{door}/"
    answer = friend.post(address, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"], Event.objects.count()) == (403, "unconfirmed_device", before)


def test_a_second_browser_cant_write_by_the_pages_form(friend: Client, order: Order) -> None:
    answer = friend.post(path(order), {"text": "Hello"})
    assert (answer.status_code, Event.objects.filter(type="message").count()) == (403, 0)


def test_a_second_browser_sees_no_other_order(friend: Client, order: Order, place: Callable[..., Order]) -> None:
    second = place(order.customer)
    drain()
    assert friend.get(path(second)).status_code == 404


def test_the_first_browser_goes_on_as_before(link: str, order: Order) -> None:
    first = Client()
    first_link = link_to(order.customer.conversation, order.number)
    press(first, first_link)
    press(Client(), first_link)
    assert "Blue mug" in first.get(path(order)).content.decode()


def test_the_first_browser_comes_back_after_its_session_ended(order: Order) -> None:
    browser, link = Client(), link_to(order.customer.conversation, order.number)
    press(browser, link)
    del browser.cookies["ordersupport_session"]
    assert "Blue mug" in come_in(browser, link).content.decode()


def test_a_browser_that_is_the_customers_opens_further_links_without_a_code(order: Order) -> None:
    browser, conversation = Client(), order.customer.conversation
    press(browser, link_to(conversation, order.number))
    del browser.cookies["ordersupport_session"]
    second = link_to(conversation, order.number)
    press(Client(), second)
    assert "Blue mug" in come_in(browser, second).content.decode()


def test_a_link_that_nobody_opened_makes_the_second_browser_the_first(friend: Client, order: Order) -> None:
    assert "Blue mug" in come_in(friend, link_to(order.customer.conversation, order.number)).content.decode()


def test_a_cookie_that_was_made_up_is_no_device(link: str, order: Order) -> None:
    forger = Client()
    forger.cookies["ordersupport_device"] = devices.new_secret()
    assert "Blue mug" not in come_in(forger, link).content.decode()


def test_what_is_stored_of_a_device_is_no_cookie(order: Order) -> None:
    browser = Client()
    press(browser, link_to(order.customer.conversation, order.number))
    secret = browser.cookies["ordersupport_device"].value.split(":")[0]
    assert Device.objects.get().digest not in {secret, browser.cookies["ordersupport_device"].value}


# --- The code ----------------------------------------------------------------------------------------------------------


def test_the_mailed_code_makes_the_second_browser_the_customers(friend: Client, order: Order) -> None:
    ask(friend, order)
    assert try_code(friend, order, mailed()).status_code == 303
    assert "Blue mug" in friend.get(path(order)).content.decode()


def test_a_code_may_be_typed_with_a_space(friend: Client, order: Order) -> None:
    ask(friend, order)
    assert try_code(friend, order, f" {mailed()[:3]} {mailed()[3:]} ").status_code == 303


def test_the_code_goes_to_the_customer_in_their_language(friend: Client, order: Order) -> None:
    User.objects.filter(pk=order.customer_id).update(language="zh-hans")
    ask(friend, order)
    mail = StoredMail.objects.latest("pk")
    assert ("alice@example.com" in mail.to, mail.params["code"] in mail.text, mail.params["code"] in mail.html) == (True, True, True)


def test_the_code_leaves_once_however_often_its_row_is_worked_on(friend: Client, order: Order) -> None:
    ask(friend, order)
    MailedCode.objects.update(state="waiting", finished_at=None, next_attempt_at=timezone.now() - timedelta(minutes=1))
    drain()
    assert StoredMail.objects.filter(params__has_key="code").count() == 1


def test_a_code_that_had_nowhere_to_go_names_no_button_that_isnt_there(friend: Client, order: Order) -> None:
    User.objects.filter(pk=order.customer_id).update(email="")
    ask(friend, order)
    words = "Alice Martin has no mail address. Add one to the customer, then let them ask for another code."
    assert MailedCode.objects.get().last_error == words


def test_nobody_is_mailed_before_they_ask(friend: Client, order: Order) -> None:
    drain()
    assert MailedCode.objects.count() == 0


def test_whoever_opens_the_address_of_a_refused_code_again_is_led_back(friend: Client, order: Order) -> None:
    assert friend.get(path(order, "/code"), follow=True).redirect_chain == [(path(order), 302)]


def test_a_wrong_code_opens_nothing_and_is_written_down(friend: Client, order: Order) -> None:
    ask(friend, order)
    answer = try_code(friend, order, other_than(mailed()))
    assert (answer.status_code, "not the code" in answer.content.decode()) == (422, True)
    assert LinkUse.objects.filter(act="code_wrong").count() == 1


def test_after_five_wrong_codes_the_right_one_opens_nothing(friend: Client, order: Order) -> None:
    ask(friend, order)
    for _try in range(5):
        try_code(friend, order, other_than(mailed()))
    assert (try_code(friend, order, mailed()).status_code, Device.objects.filter(confirmed_at=None).count()) == (422, 1)


def test_a_code_ends_after_a_quarter_of_an_hour(friend: Client, order: Order) -> None:
    ask(friend, order)
    code = MailedCode.objects.get()
    assert timedelta(minutes=14) < code.expires_at - timezone.now() <= timedelta(minutes=15)
    MailedCode.objects.update(expires_at=timezone.now())
    assert try_code(friend, order, mailed()).status_code == 422


def test_a_new_code_ends_the_one_before(friend: Client, order: Order) -> None:
    ask(friend, order)
    first = mailed()
    ask(friend, order)
    assert (mailed() == first, try_code(friend, order, first).status_code, try_code(friend, order, mailed()).status_code) == (
        False,
        422,
        303,
    )


def test_a_new_code_that_took_five_tries_opens_the_way_for_no_earlier_one(friend: Client, order: Order) -> None:
    ask(friend, order)
    first = mailed()
    ask(friend, order)
    for _try in range(5):
        try_code(friend, order, other_than(mailed()))
    assert try_code(friend, order, first).status_code == 422


def test_a_code_of_one_device_confirms_no_other(friend: Client, link: str, order: Order) -> None:
    third = Client()
    press(third, link)
    ask(friend, order)
    ask(third, order)
    codes_now = {code.device_id: codes.digits_of(code) for code in MailedCode.objects.all()}
    own = Device.objects.order_by("-pk").first()
    assert own
    others = next(code for pk, code in codes_now.items() if pk != own.pk)
    assert try_code(third, order, others).status_code == 422


def test_three_codes_an_hour_are_the_most_for_a_conversation(friend: Client, order: Order) -> None:
    answers = [ask(friend, order).status_code for _press in range(4)]
    assert (answers, MailedCode.objects.count()) == ([303, 303, 303, 429], 3)


def test_ten_codes_a_day_are_the_most(friend: Client, order: Order) -> None:
    device = Device.objects.get(confirmed_at=None)
    for _earlier in range(10):
        MailedCode.objects.create(device=device)
    MailedCode.objects.update(created_at=timezone.now() - timedelta(hours=5))
    assert ask(friend, order).status_code == 429


def test_a_code_that_ended_before_its_mail_left_is_not_mailed(friend: Client, order: Order) -> None:
    friend.post(path(order, "/code"), {"ask": "1"})
    MailedCode.objects.update(expires_at=timezone.now())
    drain()
    assert (MailedCode.objects.get().state, StoredMail.objects.filter(params__has_key="code").count()) == ("cancelled", 0)


def test_the_code_is_stored_nowhere(friend: Client, order: Order) -> None:
    friend.post(path(order, "/code"), {"ask": "1"})
    row = MailedCode.objects.values_list().get()
    assert codes.digits_of(MailedCode.objects.get()) not in map(str, row)


def test_two_hundred_codes_have_six_digits_each() -> None:
    found = [codes.digits_of(MailedCode()) for _number in range(200)]
    assert ({len(code) for code in found}, all(code.isdecimal() for code in found), len(set(found)) > 190) == ({6}, True, True)


@pytest.mark.parametrize("name", ["stranger", "customer"])
def test_who_has_no_device_to_prove_gets_no_code(link: str, order: Order, name: str) -> None:
    browser = Client()
    if name == "customer":
        press(browser, link_to(order.customer.conversation, order.number))
    answer = browser.post(path(order, "/code"), {"ask": "1"})
    assert (answer.status_code, MailedCode.objects.count()) == ({"stranger": 404, "customer": 303}[name], 0)


@THREADS
def test_many_tries_at_once_are_five_tries(alice: User, place: Callable[..., Order]) -> None:
    device = second_device(alice, place)
    code = codes.ask(device)
    wrong = other_than(codes.digits_of(code))
    told = at_once(12, lambda number: refusal_of(device, wrong))
    assert (told.count("wrong_code"), told.count("code_ended")) == (5, 7)


@THREADS
def test_the_right_code_typed_twice_at_once_confirms_once(alice: User, place: Callable[..., Order]) -> None:
    device = second_device(alice, place)
    right = codes.digits_of(codes.ask(device))
    at_once(4, lambda number: refusal_of(device, right))
    assert LinkUse.objects.filter(act="confirmed").count() == 1


@THREADS
def test_codes_asked_for_at_once_are_three(alice: User, place: Callable[..., Order]) -> None:
    device = second_device(alice, place)
    told = at_once(8, lambda number: asked(device))
    assert (told.count(""), MailedCode.objects.count()) == (3, 3)


@THREADS
def test_of_browsers_that_open_at_once_one_is_the_customers(alice: User, place: Callable[..., Order]) -> None:
    place(alice)
    drain()
    link = AccessLink.objects.get()
    entered = at_once(8, lambda number: devices.enter(AccessLink.objects.get(pk=link.pk), f"secret {number}").confirmed_at)
    assert sum(at is not None for at in entered) == 1


def second_device(customer: User, place: Callable[..., Order]) -> Device:
    """A device that is not confirmed."""
    place(customer)
    drain()
    link = AccessLink.objects.get()
    devices.enter(link, "first")
    return devices.enter(link, "second")


def refusal_of(device: Device, code: str) -> str:
    """The code of the refusal; empty where the device is confirmed."""
    try:
        codes.check(Device.objects.get(pk=device.pk), code)
    except codes.RefusedError as refused:
        return refused.code
    return ""


def asked(device: Device) -> str:
    """The same for asking for a code."""
    try:
        codes.ask(Device.objects.get(pk=device.pk))
    except codes.RefusedError as refused:
        return refused.code
    return ""


# --- What agents see, and do ---------------------------------------------------------------------------------------------


@pytest.fixture
def desk(agent: User) -> Client:
    """The agent's browser."""
    browser = Client()
    browser.force_login(agent)
    return browser


def agents_page(desk: Client, order: Order) -> str:
    """The conversation as the agent sees it."""
    text: str = desk.get(links.path_for(order.customer.conversation, order.number, username="agent")).content.decode()
    return text


def test_the_agent_sees_a_new_device_until_it_is_confirmed(friend: Client, desk: Client, order: Order) -> None:
    before = ("New device, not confirmed" in agents_page(desk, order), desk.get("/inbox/").context["rows"][0]["new_device"])
    ask(friend, order)
    try_code(friend, order, mailed())
    after = ("New device, not confirmed" in agents_page(desk, order), desk.get("/inbox/").context["rows"][0]["new_device"])
    assert (before, after) == ((True, True), (False, False))


def test_a_new_device_that_never_came_back_is_forgotten_with_its_session(friend: Client, desk: Client, order: Order) -> None:
    Device.objects.update(opened_at=timezone.now() - timedelta(days=15))
    assert "New device, not confirmed" not in agents_page(desk, order)


@pytest.mark.parametrize(("button", "statuses"), [("mail", [200, 200]), ("close", [404, 404])])
def test_an_agent_mails_a_new_link_and_may_close_the_old_ones(
    link: str, friend: Client, desk: Client, order: Order, button: str, statuses: list[int]
) -> None:
    customer = Client()
    press(customer, link_to(order.customer.conversation, order.number))
    answer = desk.post(links.path_for(order.customer.conversation, order.number, username="agent") + "/link", {button: "1"})
    drain()
    fresh = StoredMail.objects.latest("pk").params["url"].removeprefix("http://localhost:3000")
    assert (answer.status_code, [customer.get(path(order)).status_code, friend.get(path(order)).status_code]) == (303, statuses)
    assert "Blue mug" in come_in(Client(), fresh).content.decode()


def press_mail(desk: Client, order: Order) -> str:
    """Mail a new link and see the page that follows, at once."""
    desk.post(links.path_for(order.customer.conversation, order.number, username="agent") + "/link", {"mail": "1"})
    return agents_page(desk, order)


def test_a_link_is_called_mailed_only_once_its_mail_has_left(link: str, desk: Client, order: Order) -> None:
    waiting = press_mail(desk, order)
    drain()
    done = agents_page(desk, order)
    assert [("is being mailed" in page, "A new link was mailed on" in page) for page in (waiting, done)] == [(True, False), (False, True)]


def test_a_link_whose_mail_was_refused_says_so_and_why(link: str, desk: Client, order: Order) -> None:
    User.objects.filter(pk=order.customer_id).update(email="ålice@example.com")
    press_mail(desk, order)
    drain()
    page = agents_page(desk, order)
    assert ("could not be mailed" in page, "has letters that mail servers refuse" in page, "was mailed on" in page) == (True, True, False)


def test_a_customer_without_an_address_is_offered_no_mail_and_the_agent_reads_why(link: str, desk: Client, order: Order) -> None:
    User.objects.filter(pk=order.customer_id).update(email="")
    press_mail(desk, order)
    drain()
    page = agents_page(desk, order)
    assert "could not be mailed: there was no mail address" in page
    assert ('name="mail"' in page, 'name="close"' in page, "so no link can be mailed" in page) == (False, False, True)


@pytest.mark.parametrize(("email", "is_said"), [("", True), ("alice@example.com", False)])
def test_above_the_field_stands_that_no_mail_tells_of_the_answer(desk: Client, order: Order, email: str, is_said: bool) -> None:
    User.objects.filter(pk=order.customer_id).update(email=email)
    assert ("so no mail tells them of your answer" in agents_page(desk, order)) is is_said


def test_the_customer_reads_nothing_of_how_mails_to_them_fare(order: Order) -> None:
    User.objects.filter(pk=order.customer_id).update(email="")
    page = come_in(Client(), link_to(order.customer.conversation, order.number)).content.decode()
    assert ("no mail tells" in page, "entry-card" in page) == (False, False)


def test_closing_old_links_is_in_the_audit_log(link: str, desk: Client, agent: User, order: Order) -> None:
    desk.post(links.path_for(order.customer.conversation, order.number, username="agent") + "/link", {"close": "1"})
    entry = AuditEntry.objects.get()
    whose = f"chat.conversation {Conversation.objects.get().public_id}"
    assert (entry.actor, entry.action, entry.subject) == (agent, "link_rotated", whose)


def test_a_link_that_an_agent_mailed_is_in_the_audit_log(desk: Client, agent: User, order: Order) -> None:
    desk.post(links.path_for(order.customer.conversation, order.number, username="agent") + "/link", {"mail": "1"})
    entry, link = AuditEntry.objects.get(), AccessLink.objects.latest("pk")
    assert (entry.actor, entry.action, entry.details) == (agent, "link_mailed", {"order": order.number, "link": link.pk})


@pytest.mark.parametrize("who", ["stranger", "friend", "customer"])
def test_nobody_else_mails_links_from_there(link: str, friend: Client, order: Order, who: str) -> None:
    customer = Client()
    press(customer, link_to(order.customer.conversation, order.number))
    browser = {"stranger": Client(), "friend": friend, "customer": customer}[who]
    count = AccessLink.objects.count()
    assert (browser.post(path(order, "/link"), {"close": "1"}).status_code, AccessLink.objects.count()) == (404, count)
