"""The clerk's way in: orders typed in the admin, posted as a browser posts them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from chat.coordinator import drain
from chat.entry.models import AccessLink
from chat.models import Conversation, Event
from chat.outbox import State
from orders import journey
from orders.delivery import Delivery
from orders.mail_models import MailEvent, StoredMail
from orders.models import Order, OrderConfirmation, Status

ADD = reverse("admin:orders_order_add")
LIST = reverse("admin:orders_order_changelist")
Form = dict[str, str]


class FormReader(HTMLParser):
    """What a browser would post if nobody touched the order's form."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: Form = {}
        self.select = self.textarea = ""
        self.is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.is_inside = given.get("id") == "order_form"
        if not self.is_inside:
            return
        if tag == "input" and given.get("type") not in {"submit", "button"} and (given.get("type") != "radio" or "checked" in given):
            self.fields[given["name"]] = given.get("value", "") if given.get("type") != "checkbox" else ""
        if tag == "select":
            self.select = given["name"]
            self.fields[self.select] = ""
        if tag == "option" and "selected" in given:
            self.fields[self.select] = given["value"]
        if tag == "textarea":
            self.textarea = given["name"]
            self.fields[self.textarea] = ""

    def handle_data(self, data: str) -> None:
        if self.textarea and self.is_inside:
            self.fields[self.textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.textarea = ""
        if tag == "form":
            self.is_inside = False


@pytest.fixture
def desk(client: Client, clerk: User) -> Client:
    """A browser in which the clerk is logged in."""
    client.force_login(clerk)
    return client


def page_of(order: Order) -> str:
    return reverse("admin:orders_order_change", args=[order.number])


def typed(desk: Client, url: str, *lines: tuple[str, str, str], **changes: Any) -> Form:
    """The form at `url` as it comes, with lines (name, quantity, price) and fields typed into it."""
    reader = FormReader()
    reader.feed(desk.get(url).content.decode())
    form = {name: value for name, value in reader.fields.items() if not name.endswith("-DELETE")}
    for place, (name, quantity, price) in enumerate(lines):
        form |= {f"lines-{place}-{field}": words for field, words in [("name", name), ("quantity", quantity), ("unit_price", price)]}
        form.setdefault(f"lines-{place}-id", "")
    form["lines-TOTAL_FORMS"] = str(max(len(lines), int(form["lines-INITIAL_FORMS"])))
    return form | {name: str(value) for name, value in changes.items()}


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def field_errors(response: Any) -> dict[str, list[str]]:
    return {name: list(errors) for name, errors in response.context["adminform"].form.errors.items()}


def line_errors(response: Any) -> list[dict[str, list[str]]]:
    return [{name: list(errors) for name, errors in form.items()} for form in response.context["inline_admin_formsets"][0].formset.errors]


def staff_with(client: Client, *codenames: str) -> User:
    person = User.objects.create_user("helper", "helper@example.com", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(person)
    return person


TWO_LINES = (("Widget", "2", "4.99"), ("Blue mug", "1", "12.50"))


def test_an_order_typed_with_two_lines_ends_in_one_mail_and_one_event(desk: Client, alice: User) -> None:
    response = desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk))
    assert response.status_code == 302
    drain()
    mail = StoredMail.objects.get()
    event = Event.objects.get(type="custom:order-confirm-event")
    assert [line["name"] for line in event.body["lines"]] == ["Widget", "Blue mug"]
    assert "Widget" in mail.html
    assert "Blue mug" in mail.html
    assert "€22.48" in mail.html
    assert mail.to == "Alice Martin <alice@example.com>"


def test_a_new_order_remembers_its_clerk_and_says_who_is_told(desk: Client, clerk: User, alice: User) -> None:
    response = desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk))
    assert Order.objects.get().created_by == clerk
    assert "Alice Martin is told by mail, at alice@example.com." in said(response)


def test_an_order_saved_twice_is_told_once(desk: Client, alice: User) -> None:
    desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk))
    order = Order.objects.get()
    drain()
    assert desk.post(page_of(order), typed(desk, page_of(order))).status_code == 302
    assert desk.post(page_of(order), typed(desk, page_of(order), city="Berlin")).status_code == 302
    drain()
    assert Order.objects.get().city == "Berlin"
    assert Order.objects.get().lines.count() == 2
    assert StoredMail.objects.count() == 1


CHANGED_SINCE = "This order was changed after you opened this page. Look at it in another tab; saving again keeps what stands here."


@pytest.mark.parametrize("change", [{"city": "Lund"}, {"lines-0-unit_price": "6.00"}, {"lines-0-DELETE": "on"}])
def test_an_older_page_does_not_undo_a_colleagues_change(
    desk: Client, alice: User, place: Callable[..., Order], change: dict[str, str]
) -> None:
    order = place(alice)
    older = typed(desk, page_of(order), street="Way 1")
    assert desk.post(page_of(order), typed(desk, page_of(order), **change)).status_code == 302
    assert field_errors(desk.post(page_of(order), older))["__all__"] == [CHANGED_SINCE]
    assert Order.objects.get().street == ""


def test_who_saves_an_older_page_again_means_it(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    older = typed(desk, page_of(order), city="Berlin")
    Order.objects.update(city="Lund")
    reader = FormReader()
    reader.feed(desk.post(page_of(order), older).content.decode())
    assert desk.post(page_of(order), older | {"seen": reader.fields["seen"]}).status_code == 302
    assert Order.objects.get().city == "Berlin"


def test_a_program_that_sends_an_order_once_more_is_in_no_clerks_way(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    older = typed(desk, page_of(order), city="Berlin")
    Order.objects.get().save()
    assert desk.post(page_of(order), older).status_code == 302


def test_a_draft_tells_nobody_until_it_is_placed(desk: Client, alice: User) -> None:
    desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk, status="draft"))
    order = Order.objects.get()
    drain()
    assert not OrderConfirmation.objects.exists()
    assert desk.post(page_of(order), typed(desk, page_of(order), status="placed")).status_code == 302
    drain()
    assert StoredMail.objects.count() == 1


def test_a_draft_may_be_without_lines(desk: Client, alice: User) -> None:
    assert desk.post(ADD, typed(desk, ADD, customer=alice.pk, status="draft")).status_code == 302


def test_a_new_order_is_placed_unless_the_clerk_says_otherwise(desk: Client) -> None:
    assert typed(desk, ADD)["status"] == "placed"


def test_yen_have_no_digits_after_the_point(desk: Client, alice: User) -> None:
    response = desk.post(ADD, typed(desk, ADD, ("Widget", "1", "4.99"), customer=alice.pk, currency="JPY"))
    assert line_errors(response) == [{"unit_price": ["JPY is written without digits after the point."]}]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("typed_price", "price"), [("1,50", "1.50"), ("1.50", "1.50"), (",5", "0.5"), ("1500", "1500"), ("0,1250", "0.125")]
)
def test_a_price_may_have_a_comma(desk: Client, alice: User, typed_price: str, price: str) -> None:
    desk.post(ADD, typed(desk, ADD, ("Widget", "1", typed_price), customer=alice.pk, currency="KWD"))
    assert Order.objects.get().total == Decimal(price)


@pytest.mark.parametrize("price", ["1,500", "1.500", "1.500,00", "1,500.00", "1,5,0", "1,", "1,50 EUR"])
def test_what_could_mean_thousands_is_asked_about(desk: Client, alice: User, price: str) -> None:
    response = desk.post(ADD, typed(desk, ADD, ("Widget", "1", price), customer=alice.pk))
    asked = "Write the price with a point before the digits, such as 1500 or 1.50."
    assert (line_errors(response), Order.objects.exists()) == ([{"unit_price": [asked]}], False)


def test_the_field_of_a_price_keeps_what_is_typed(desk: Client) -> None:
    field = re.search(r'<input[^>]*id="id_lines-0-unit_price"[^>]*>', desk.get(ADD).content.decode())
    assert field
    assert ('type="text"' in field[0], 'inputmode="decimal"' in field[0]) == (True, True)


def test_a_quantity_that_could_mean_a_thousand_is_not_taken_for_one(desk: Client, alice: User) -> None:
    response = desk.post(ADD, typed(desk, ADD, ("Widget", "1.000", "4.99"), customer=alice.pk))
    asked = "Write a whole quantity from 1 to 1,000,000."
    assert (line_errors(response), Order.objects.exists()) == ([{"quantity": [asked]}], False)


def test_a_third_digit_is_a_price_where_the_currency_has_three(desk: Client, alice: User) -> None:
    desk.post(ADD, typed(desk, ADD, ("Widget", "1", "1.500"), customer=alice.pk, currency="KWD"))
    assert Order.objects.get().total == Decimal("1.5")


@pytest.mark.parametrize("quantity", ["-1", "0"])
def test_too_small_a_quantity_is_said_once_and_plainly(desk: Client, alice: User, quantity: str) -> None:
    response = desk.post(ADD, typed(desk, ADD, ("Widget", quantity, "4.99"), customer=alice.pk))
    assert line_errors(response) == [{"quantity": ["Write a quantity of 1 or more."]}]


def test_a_price_below_nothing_is_said_plainly(desk: Client, alice: User) -> None:
    response = desk.post(ADD, typed(desk, ADD, ("Widget", "1", "-4,99"), customer=alice.pk))
    assert line_errors(response) == [{"unit_price": ["A price can't be below 0."]}]


def test_a_new_currency_is_checked_against_the_lines_that_are_stored(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    response = desk.post(page_of(order), typed(desk, page_of(order), currency="JPY"))
    assert "unit_price" in line_errors(response)[0]
    assert Order.objects.get().currency == "EUR"


def test_a_placed_order_needs_a_line(desk: Client, alice: User) -> None:
    response = desk.post(ADD, typed(desk, ADD, customer=alice.pk))
    formset = response.context["inline_admin_formsets"][0].formset
    assert list(formset.non_form_errors()) == ["A placed order needs at least one line. Add one, or save the order as a draft."]
    assert not Order.objects.exists()


def test_an_order_of_two_hundred_lines_can_be_saved(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice, lines=(("Widget", 1, "4.99"),) * 200)
    assert desk.post(page_of(order), typed(desk, page_of(order), city="Berlin")).status_code == 302
    assert Order.objects.get().city == "Berlin"


def test_the_last_line_of_a_placed_order_stays(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice, lines=(("Widget", 1, "4.99"),))
    form = typed(desk, page_of(order)) | {"lines-0-DELETE": "on"}
    assert desk.post(page_of(order), form).status_code == 200
    assert order.lines.count() == 1


def test_an_unknown_currency_is_refused_at_its_field(desk: Client, alice: User) -> None:
    response = desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk, currency="XYZ"))
    assert field_errors(response) == {"currency": ["XYZ is not a currency. Write three letters, such as EUR."]}
    assert not Order.objects.exists()


def test_an_illegal_move_is_refused_in_words(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    form = typed(desk, page_of(order), status="refunded")
    response = desk.post(page_of(order), form)
    assert field_errors(response) == {"status": ["An order that is placed can't become refunded."]}
    assert Order.objects.get().status == Status.PLACED


def test_a_page_that_grew_old_does_not_undo_what_happened_since(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    form = typed(desk, page_of(order))
    Order.objects.update(status=Status.SHIPPED)
    assert desk.post(page_of(order), form).status_code == 200
    assert Order.objects.get().status == Status.SHIPPED


def test_a_customer_without_a_mail_address_is_refused_before_anything_is_stored(desk: Client) -> None:
    nobody = User.objects.create_user("tom", name="Tom")
    response = desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=nobody.pk))
    assert field_errors(response)["customer"][0].startswith("Tom has no mail address, so nobody could be told.")
    assert not Order.objects.exists()


def test_a_customer_without_a_mail_address_can_have_a_draft(desk: Client) -> None:
    nobody = User.objects.create_user("tom", name="Tom")
    assert desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=nobody.pk, status="draft")).status_code == 302


def test_where_every_mail_goes_elsewhere_no_address_is_needed_and_a_banner_says_so(desk: Client, settings: Settings) -> None:
    settings.SENDINBLUE_TO_EMAIL = "trial@example.com"
    nobody = User.objects.create_user("tom", name="Tom")
    assert "Every mail goes to <b>trial@example.com</b>" in desk.get(LIST).content.decode()
    assert desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=nobody.pk)).status_code == 302


def test_without_an_override_there_is_no_banner(desk: Client) -> None:
    assert "mail-banner" not in desk.get(LIST).content.decode()


def test_the_page_says_beforehand_whom_it_will_tell(desk: Client, alice: User) -> None:
    answer = desk.get(reverse("admin:orders_order_customer"), {"customer": alice.pk}).json()
    assert answer == {"placed": "Placed — Alice Martin is told by mail when you save (alice@example.com)", "warning": ""}


def test_the_shops_own_id_is_taken_once(desk: Client, alice: User) -> None:
    desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk, external_id="A-7"))
    response = desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk, external_id="A-7"))
    assert field_errors(response) == {"external_id": [f"Order {Order.objects.get().number} has this id already."]}


@pytest.mark.parametrize(
    ("words", "error"), [('"gift"', "Write a JSON object"), ("[1]", "Write a JSON object"), ('{"a": "\\u0000"}', "can't be stored")]
)
def test_data_is_a_json_object(desk: Client, alice: User, words: str, error: str) -> None:
    response = desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk, data=words))
    assert error in field_errors(response)["data"][0]


def test_empty_data_is_an_empty_object(desk: Client, alice: User) -> None:
    desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=alice.pk, data=""))
    assert Order.objects.get().data == {}


def test_once_told_an_order_keeps_its_customer(desk: Client, alice: User, bob: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    desk.post(page_of(order), typed(desk, page_of(order), customer=bob.pk))
    assert Order.objects.get().customer == alice


def test_the_journey_says_that_and_when_the_customer_was_told(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    at = order.confirmations.get().mail_sent_at
    assert at is not None
    page = desk.get(page_of(order)).content.decode()
    assert f"Alice Martin was told at {at:%H:%M}." in page
    assert page.count('<li class="done">') == 3
    assert f"told {at:%H:%M}" in desk.get(LIST).content.decode()


def test_the_journey_says_what_failed_and_what_helps(desk: Client, place: Callable[..., Order]) -> None:
    order = place(User.objects.create_user("tom", name="Tom"))
    drain()
    page = desk.get(page_of(order)).content.decode()
    assert "Tom could not be told." in page
    assert "Tom has no mail address. Add one to the customer" in page
    assert page.count('<li class="done">') == 2
    assert re.findall(r"<span>([^<]*)</span>\s*<span class=\"when\">", page) == ["conversation opened", "event added", "mail not sent"]
    assert "failed: no mail address" in desk.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("event", "words", "brief"),
    [
        ("opened", "and has opened the mail.", "told "),
        ("hard_bounce", "but the mail is returned for good.", "mail returned for good"),
        ("delivered", "Alice Martin was told at", "told "),
    ],
)
def test_the_journey_says_what_became_of_the_mail(
    desk: Client, alice: User, place: Callable[..., Order], event: str, words: str, brief: str
) -> None:
    order = place(alice)
    drain()
    row = order.confirmations.get()
    told = MailEvent.objects.create(confirmation=row, message_id="m", recipient="alice@example.com", type=event, occurred_at=timezone.now())
    OrderConfirmation.objects.update(delivery=told.delivery)
    page = desk.get(page_of(order)).content.decode()
    assert words in page
    assert f"The mail: {Delivery(told.delivery).label}" in page
    assert brief in desk.get(LIST).content.decode()


SOON, LONG_AGO = timedelta(hours=1), timedelta(minutes=-10)


@pytest.mark.parametrize(
    ("fields", "brief", "sentence"),
    [
        ({"state": "waiting", "next_in": SOON}, "1 of 3 steps, tries again {next}", "is not told yet: 1 of 3 steps are done"),
        ({"state": "waiting", "next_in": SOON, "is_unknown": True}, "unknown, asks again {next}", "We don&#x27;t know yet whether"),
        ({"state": "waiting", "next_in": LONG_AGO}, "waiting since {next}", "other orders are before it, or no worker is running."),
        (
            {"state": "failed", "is_unknown": True},
            "unknown, a person must look",
            "We can&#x27;t tell whether the mail to Alice Martin left.",
        ),
        ({"state": "failed", "last_error": "It refused."}, "failed: It refused", "Alice Martin could not be told."),
        ({"state": "cancelled"}, "not told", "the order was taken back before."),
    ],
)
def test_every_condition_has_its_words(
    desk: Client, alice: User, place: Callable[..., Order], fields: dict[str, Any], brief: str, sentence: str
) -> None:
    order = place(alice)
    due = timezone.now() + fields.get("next_in", timedelta())
    stored = {name: value for name, value in fields.items() if name != "next_in"}
    OrderConfirmation.objects.update(conversation_opened_at=timezone.now(), next_attempt_at=due, **stored)
    assert brief.format(next=journey.moment(due)) in desk.get(LIST).content.decode()
    assert sentence in desk.get(page_of(order)).content.decode()


def test_moments_are_told_as_people_do() -> None:
    now = timezone.localtime()
    noon = now.replace(hour=12, minute=0)
    assert journey.moment(noon) == "12:00"
    assert journey.moment(noon.replace(year=2001, month=3, day=9)) == "Mar 9, 2001"


def test_resending_tells_the_customer_again_and_says_whom(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    response = desk.post(reverse("admin:orders_order_resend", args=[order.number]), {f"shown-{order.number}": "1"})
    assert said(response) == [f"Alice Martin is told of order {order.number}, at alice@example.com."]
    drain()
    assert StoredMail.objects.count() == 2


def test_a_second_click_on_resend_is_inert(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    url, form = reverse("admin:orders_order_resend", args=[order.number]), {f"shown-{order.number}": "1"}
    desk.post(url, form)
    drain()
    desk.post(url, form)
    drain()
    assert StoredMail.objects.count() == 2


def test_resending_to_nobody_leads_to_the_customer(desk: Client, place: Callable[..., Order]) -> None:
    tom = User.objects.create_user("tom", name="Tom <b>")
    order = place(tom)
    drain()
    link = f'<a href="{reverse("admin:accounts_user_change", args=[tom.pk])}">'
    response = desk.post(reverse("admin:orders_order_resend", args=[order.number]))
    words = f"Tom &lt;b&gt; has no mail address, so nobody was told. {link}Add one to the customer</a>, then press “Resend”."
    assert said(response) == [words]
    assert f"{link}Open the customer</a>" in desk.get(page_of(order)).content.decode()


def test_whoever_may_not_change_customers_is_not_led_to_one(client: Client, place: Callable[..., Order]) -> None:
    staff_with(client, "view_order")
    order = place(User.objects.create_user("tom", name="Tom"))
    drain()
    assert "Open the customer" not in client.get(page_of(order)).content.decode()


def test_a_status_that_moves_on_says_that_the_chat_tells_it_and_no_mail(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    response = desk.post(page_of(order), typed(desk, page_of(order), status="shipped"))
    assert said(response)[0] == f"Alice Martin sees in the chat that order {order.number} is now shipped. No mail is sent for that."


def test_a_status_of_an_order_that_nobody_was_told_of_promises_nothing(desk: Client, place: Callable[..., Order], alice: User) -> None:
    order = place(alice)
    OrderConfirmation.objects.all().delete()
    response = desk.post(page_of(order), typed(desk, page_of(order), status="shipped"))
    assert not any("in the chat" in words for words in said(response))


def test_the_page_says_when_the_customer_opened_the_link(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order, other = place(alice), place(alice)
    drain()
    assert "opened the link" not in desk.get(page_of(order)).content.decode()
    at = timezone.now()
    AccessLink.objects.filter(subject=order.number).update(opened_at=at)
    assert f"Alice Martin opened the link at {journey.moment(at)}." in desk.get(page_of(order)).content.decode()
    assert "opened the link" not in desk.get(page_of(other)).content.decode()


def test_the_history_tells_of_a_resend_and_names_nobody(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    desk.post(reverse("admin:orders_order_resend", args=[order.number]), {f"shown-{order.number}": "1"})
    desk.post(reverse("admin:orders_order_resend", args=[order.number]), {f"shown-{order.number}": "1"})
    # The messages of both, which name the address, are shown once.
    desk.get(LIST)
    page = desk.get(reverse("admin:orders_order_history", args=[order.number])).content.decode()
    assert page.count("Resent: version 2") == 1
    assert "alice@example.com" not in page


def test_an_earlier_telling_is_said_in_words(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    at = order.confirmations.get().mail_sent_at
    assert at is not None
    desk.post(reverse("admin:orders_order_resend", args=[order.number]))
    drain()
    assert f"Told before, at {journey.moment(at)}." in desk.get(page_of(order)).content.decode()


def test_resend_is_a_post_with_a_token(clerk: User, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(clerk)
    url = reverse("admin:orders_order_resend", args=[order.number])
    assert strict.get(url).status_code == 405
    assert strict.post(url).status_code == 403


def test_the_resend_action_tells_each_chosen_customer(desk: Client, alice: User, bob: User, place: Callable[..., Order]) -> None:
    numbers = [place(alice).number, place(bob).number]
    drain()
    desk.post(LIST, {"action": "resend", "_selected_action": numbers})
    drain()
    assert sorted(StoredMail.objects.values_list("to", flat=True)) == 2 * ["Alice Martin <alice@example.com>"] + 2 * [
        "Bob Stone <bob@example.com>"
    ]


def test_a_draft_is_not_resent(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice, status=Status.DRAFT)
    response = desk.post(LIST, {"action": "resend", "_selected_action": [order.number]})
    assert said(response) == [f"Order {order.number} is a draft: place it, and Alice Martin is told."]
    assert not OrderConfirmation.objects.exists()


def test_save_and_resend_mails_the_lines_as_they_are_now(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    form = typed(desk, page_of(order), **{"lines-0-quantity": 5, "_resend": "Save and resend"})
    assert desk.post(page_of(order), form).status_code == 302
    drain()
    newest = StoredMail.objects.first()
    assert newest is not None
    assert "5 × Widget" in newest.text


def test_a_change_after_the_mail_says_that_the_customer_does_not_know(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    response = desk.post(page_of(order), typed(desk, page_of(order), **{"lines-0-quantity": 5}))
    assert said(response)[0].startswith("Alice Martin was told of the order as it was before.")


def test_an_order_that_changed_after_the_mail_says_so_until_it_is_resent(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    desk.post(page_of(order), typed(desk, page_of(order), **{"lines-0-quantity": 5}))
    changed = Order.objects.get()
    told, since = journey.told(changed)[0], journey.moment(changed.updated_at)
    page = desk.get(page_of(order)).content.decode()
    assert f"but the order changed at {since}. Press “Resend”." in page
    assert (told.tone, told.code) == ("warn", "changed")
    assert ", changed since" in desk.get(LIST).content.decode()
    desk.post(reverse("admin:orders_order_resend", args=[order.number]))
    drain()
    assert journey.told(Order.objects.get())[0].code == "told"


@pytest.mark.parametrize("change", [{"status": "shipped"}, {"city": "Berlin"}, {"data": '{"gift": true}'}, {}])
def test_what_leaves_articles_and_currency_alone_is_no_change(
    desk: Client, alice: User, place: Callable[..., Order], change: dict[str, str]
) -> None:
    order = place(alice)
    drain()
    desk.post(page_of(order), typed(desk, page_of(order), **change))
    assert journey.told(Order.objects.get())[0].code == "told"


def test_a_change_before_the_mail_is_in_it(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    desk.post(page_of(order), typed(desk, page_of(order), **{"lines-0-quantity": 5}))
    drain()
    assert journey.told(Order.objects.get())[0].code == "told"


def test_orders_that_changed_are_found_by_the_filter(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    changed, cancelled, _same = place(alice), place(alice), place(alice)
    drain()
    desk.post(page_of(changed), typed(desk, page_of(changed), currency="USD"))
    desk.post(page_of(cancelled), typed(desk, page_of(cancelled), status="cancelled", **{"lines-0-quantity": 5}))
    found = desk.get(LIST, {"told": "changed"}).context["cl"].result_list
    assert [order.number for order in found] == [changed.number]


def test_a_cancelled_order_is_not_to_be_resent_because_it_changed(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    desk.post(page_of(order), typed(desk, page_of(order), status="cancelled", **{"lines-0-quantity": 5}))
    assert journey.told(Order.objects.get())[0].code == "told"


def test_open_chat_leads_to_the_chat_beside_the_order_under_ones_own_name(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    path = f"/chat/clerk/{Conversation.objects.get().public_id}/{order.number}"
    response = desk.post(LIST, {"action": "open_chat", "_selected_action": [order.number]})
    assert response.headers["Location"] == path
    assert f'href="{path}" target="_blank"' in desk.get(page_of(order)).content.decode()


def test_open_chat_says_when_there_is_none_yet(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice, status=Status.DRAFT)
    response = desk.post(LIST, {"action": "open_chat", "_selected_action": [order.number]})
    assert said(response) == ["Alice Martin's conversation opens when they are told of their first order."]


def test_the_list_needs_no_more_queries_for_many_orders(desk: Client, alice: User, bob: User, place: Callable[..., Order]) -> None:
    place(alice)
    place(bob)
    desk.get(LIST)
    with CaptureQueriesContext(
        connection,
    ) as few:
        desk.get(LIST)
    for customer in [alice, bob] * 6:
        place(customer)
    with CaptureQueriesContext(connection) as many:
        desk.get(LIST)
    assert len(many) == len(few)


def test_the_page_needs_no_more_queries_for_many_lines(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    short, long = place(alice), place(alice, lines=(("Widget", 1, "4.99"),) * 20)
    desk.get(page_of(short))
    with CaptureQueriesContext(connection) as few:
        desk.get(page_of(short))
    with CaptureQueriesContext(connection) as many:
        desk.get(page_of(long))
    assert len(many) == len(few)


@pytest.mark.parametrize("words", ["#{number}", "{number}", "Martin", "alice@example", "+49 30 55", "A-7"])
def test_an_order_is_found_by_what_a_caller_says(desk: Client, alice: User, bob: User, place: Callable[..., Order], words: str) -> None:
    order = place(alice)
    place(bob)
    User.objects.filter(pk=alice.pk).update(phone="+49 30 55 66")
    Order.objects.filter(pk=order.pk).update(external_id="A-7")
    found = desk.get(LIST, {"q": words.format(number=order.number)}).context["cl"].result_list
    assert [row.number for row in found] == [order.number]


@pytest.mark.parametrize(("choice", "count"), [("done", 1), ("failed", 1), ("waiting", 1), ("nobody", 1), ("unknown", 0), ("returned", 0)])
def test_the_list_is_filtered_by_who_was_told(desk: Client, alice: User, place: Callable[..., Order], choice: str, count: int) -> None:
    place(alice)
    place(User.objects.create_user("tom", name="Tom"))
    drain()
    place(alice, status=Status.DRAFT)
    place(alice)
    assert desk.get(LIST, {"told": choice}).context["cl"].result_count == count


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WENT_WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"state": "failed", "error_code": "no_address", "last_error": "Add one, then press “Resend”."}, "failed", "could not be told."),
    ({"state": "done", "mail_sent_at": NOON, "delivery": "bounced"}, "returned", "but the mail is returned for good."),
    ({"state": "failed", "is_unknown": True, "last_error": "“Resend” sends it again."}, "unknown", "left."),
]


@pytest.mark.parametrize(("fields", "choice", "words"), WENT_WRONG, ids=[row[1] for row in WENT_WRONG])
def test_what_went_wrong_with_a_cancelled_order_is_told_and_asks_for_nothing(
    desk: Client, alice: User, place: Callable[..., Order], fields: dict[str, Any], choice: str, words: str
) -> None:
    order = place(alice)
    OrderConfirmation.objects.update(event_added_at=NOON, **fields)
    before = (desk.get(LIST, {"told": choice}).context["cl"].result_count, "“Resend”" in desk.get(page_of(order)).content.decode())
    desk.post(page_of(order), typed(desk, page_of(order), status="cancelled"))
    page = desk.get(page_of(order)).content.decode()
    asks = [word for word in ("Resend", "Open the customer", "journey-error") if word in page]
    after = (desk.get(LIST, {"told": choice}).context["cl"].result_count, asks, 'class="journey told-quiet"' in page)
    assert (before, after) == ((1, True), (0, [], True))
    assert f"{words} The order is cancelled, so nobody is told again." in page


def test_an_answer_that_is_still_asked_for_is_found_beside_a_cancelled_order_too(
    desk: Client, alice: User, place: Callable[..., Order]
) -> None:
    order = place(alice)
    OrderConfirmation.objects.update(event_added_at=NOON, is_unknown=True, next_attempt_at=timezone.now() + SOON)
    Order.objects.filter(pk=order.pk).update(status="cancelled")
    assert desk.get(LIST, {"told": "unknown"}).context["cl"].result_count == 1


def test_a_waiting_cell_comes_to_say_told(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    live = reverse("admin:orders_order_live")
    assert "being told" in desk.get(live, {"number": order.number}).json()[str(order.number)]
    drain()
    assert "Alice Martin was told" in desk.get(live, {"number": order.number, "as": "journey"}).json()[str(order.number)]


def test_markup_typed_as_a_name_stays_text(desk: Client, place: Callable[..., Order]) -> None:
    odd = User.objects.create_user("odd", "odd@example.com", name="<img src=x onerror=1>")
    order = place(odd, lines=(("<img src=x onerror=2>", 1, "1.00"),))
    pages = desk.get(LIST).content.decode() + desk.get(page_of(order)).content.decode()
    assert "<img src=x" not in pages


def test_an_order_somebody_was_told_of_is_not_deleted(desk: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    assert "deletelink" not in desk.get(page_of(order)).content.decode()
    assert desk.post(reverse("admin:orders_order_delete", args=[order.number]), {"post": "yes"}).status_code == 403
    desk.post(LIST, {"action": "delete_selected", "_selected_action": [order.number], "post": "yes"})
    assert Order.objects.exists()


def test_staff_who_may_only_look_can_do_nothing_else(client: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    drain()
    staff_with(client, "view_order")
    page = client.get(page_of(order)).content.decode()
    assert "Alice Martin was told" in page
    assert "Widget" in page
    assert "Resend" not in page
    assert "Open chat" not in page
    assert client.post(reverse("admin:orders_order_resend", args=[order.number])).status_code == 403
    assert client.post(page_of(order), {"status": "cancelled"}).status_code == 403
    assert client.get(reverse("admin:orders_order_customer"), {"customer": alice.pk}).status_code == 403


def test_staff_without_permission_see_no_orders(client: Client, alice: User, place: Callable[..., Order]) -> None:
    order = place(alice)
    staff_with(client)
    assert client.get(LIST).status_code == 403
    assert client.get(page_of(order)).status_code == 403
    assert client.get(reverse("admin:orders_order_live"), {"number": order.number}).status_code == 403


def test_whoever_may_add_orders_may_add_their_lines(client: Client, alice: User) -> None:
    staff_with(client, "add_order", "view_user")
    assert client.post(ADD, typed(client, ADD, *TWO_LINES, customer=alice.pk)).status_code == 302
    assert Order.objects.get().lines.count() == 2


@pytest.mark.parametrize("who", ["bob", "agent"])
def test_customers_and_agents_without_staff_rights_get_the_log_in(
    client: Client, bob: User, agent: User, alice: User, place: Callable[..., Order], who: str
) -> None:
    order = place(alice)
    client.force_login(User.objects.get(username=who))
    assert client.get(page_of(order)).status_code == 302
    assert client.post(reverse("admin:orders_order_resend", args=[order.number])).status_code == 302
    assert order.confirmations.get().version == 1


def test_operators_try_a_failed_confirmation_again(desk: Client, place: Callable[..., Order]) -> None:
    tom = User.objects.create_user("tom", name="Tom")
    order = place(tom)
    drain()
    User.objects.filter(pk=tom.pk).update(email="tom@example.com")
    failed = order.confirmations.get()
    assert failed.state == State.FAILED
    url = reverse("admin:orders_orderconfirmation_changelist")
    desk.post(f"{url}?is=failed", {"action": "retry_now", "_selected_action": [failed.pk]})
    drain()
    assert order.confirmations.get().state == State.DONE
    assert desk.get(reverse("admin:orders_orderconfirmation_change", args=[failed.pk])).status_code == 200


def test_nobody_is_told_again_of_a_cancelled_order(desk: Client, place: Callable[..., Order]) -> None:
    order = place(User.objects.create_user("tom", name="Tom"))
    drain()
    Order.objects.filter(pk=order.pk).update(status=Status.CANCELLED)
    url = reverse("admin:orders_orderconfirmation_changelist")
    answer = desk.post(url, {"action": "retry_now", "_selected_action": [order.confirmations.get().pk]}, follow=True)
    assert (order.confirmations.get().state, "1 was left alone" in answer.content.decode()) == (State.FAILED, True)


@pytest.mark.parametrize("choice", ["failed", "unknown", "due", "waiting", "done", "cancelled"])
def test_operators_filter_confirmations_by_state(desk: Client, alice: User, place: Callable[..., Order], choice: str) -> None:
    place(alice)
    shown = desk.get(reverse("admin:orders_orderconfirmation_changelist"), {"is": choice}).context["cl"].result_count
    assert shown == (1 if choice == "due" else 0)


# --- For whom ----------------------------------------------------------------------------------------------------------


def test_only_customers_are_offered_for_an_order(desk: Client, alice: User, agent: User) -> None:
    lookup = {"app_label": "orders", "model_name": "order", "field_name": "customer"}
    found = desk.get("/admin/autocomplete/", lookup | {"term": "example.com"}).json()["results"]
    assert [row["id"] for row in found] == [str(alice.pk)]


def test_an_order_for_an_agent_is_refused_at_its_field(desk: Client, alice: User, agent: User) -> None:
    response = desk.post(ADD, typed(desk, ADD, *TWO_LINES, customer=agent.pk))
    words = "Ada Agent is not a customer, but staff, an agent or an API client. Choose a customer."
    assert (field_errors(response), Order.objects.exists()) == ({"customer": [words]}, False)
