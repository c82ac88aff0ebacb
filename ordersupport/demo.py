"""The demo's people and orders: one shop's day, told through the same doors as every other order."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import AGENTS_GROUP, User
from chat import alive, backends, conversations, folds, shapes
from chat.coordinator import drain
from chat.models import Conversation, Event
from orders.mail_models import StoredMail
from orders.models import Order
from orders.placing import place
from ordersupport.checks import real_providers

# Shown on the first page and in the terminal; the demo listens on loopback only.
LOGINS = [
    (gettext_noop("Staff"), "staff", "staff", "/admin/"),
    (gettext_noop("Agent"), "agent", "agent", "/inbox/"),
]

CUSTOMERS: list[dict[str, str]] = [
    {
        "username": "anna",
        "name": "Anna Lindqvist",
        "email": "anna@example.com",
        "phone": "+46 70 555 01 20",
        "time_zone": "Europe/Stockholm",
    },
    {"username": "chen", "name": "陈晓明", "email": "chen@example.com", "language": "zh-hans", "time_zone": "Asia/Shanghai"},
    {"username": "omar", "name": "عمر حداد", "email": "omar@example.com", "time_zone": "Asia/Amman"},
    {"username": "yuki", "name": "Yuki Tanaka", "email": "yuki@example.com", "time_zone": "Asia/Tokyo"},
    {"username": "frederike", "name": "Frederike von Hohenstein-Waldburg", "email": "frederike@example.com", "time_zone": "Europe/Berlin"},
    {"username": "sam", "name": "Sam", "time_zone": "America/New_York"},
]
# customer, status, currency, hours ago, city, country, lines (article, SKU, quantity, unit price)
Lines = list[tuple[str, str, int, str]]
ORDERS: list[tuple[str, str, str, int, str, str, Lines]] = [
    ("anna", "placed", "EUR", 30, "Lund", "SE", [("Linen shirt, white, M", "LS-W-M", 1, "59.00"), ("Wool socks", "WS-42", 3, "12.50")]),
    ("anna", "placed", "EUR", 2, "Lund", "SE", [("Enamel mug, blue", "EM-B", 2, "14.90"), ("Coffee, 500 g", "CF-500", 1, "20.10")]),
    ("chen", "placed", "CNY", 20, "上海", "CN", [("青瓷茶杯", "TC-01", 4, "68.00")]),
    ("omar", "placed", "KWD", 8, "Amman", "JO", [("Brass lantern", "BL-7", 1, "18.750")]),
    ("yuki", "placed", "JPY", 5, "京都市", "JP", [("Indigo noren", "NR-IN", 1, "6800"), ("Incense, sandalwood", "IN-SW", 2, "1200")]),
    ("frederike", "placed", "EUR", 1, "Lübeck", "DE", [("Oak cutting board, large, oiled", "CB-L-O", 1, "89.00")]),
    ("frederike", "draft", "EUR", 0, "Lübeck", "DE", [("Beeswax candle", "BC-20", 6, "7.80")]),
    ("sam", "placed", "USD", 3, "Ithaca", "US", [("Field notebook", "FN-3", 5, "4.99")]),
]
# the order's place in ORDERS, its new status, minutes ago: before anybody has written, and afterwards
Moves = list[tuple[int, str, int]]
EARLIER: Moves = [(0, "delivered", 110)]
LATER: Moves = [(3, "cancelled", 60), (1, "shipped", 30), (2, "confirmed", 20)]
# customer, who speaks, minutes ago, text; each conversation in order, about the customer's newest order
TALK: list[tuple[str, str, int, str]] = [
    ("anna", "customer", 95, "Hello! Can the mug still be swapped for the green one?"),
    ("anna", "agent", 92, "Of course. We have two green ones left, so both will be green. Same price."),
    ("anna", "customer", 91, "Lovely, thank you."),
    ("anna", "agent", 90, "You are welcome. It leaves the house this afternoon."),
    ("chen", "customer", 40, "你好，请问茶杯什么时候发货？"),
    ("yuki", "customer", 4, "Is the noren the 85 cm or the 150 cm one?"),
]


def is_filled() -> bool:
    """Whether everything is there: who logs in at the admin is made last."""
    return User.objects.filter(username="staff").exists()


def fill() -> None:
    """Make the demo's people, orders and talk once, or what is missing of them after a kill; what is there already is left as it is."""
    if is_filled():
        return
    with transaction.atomic():
        agent = User.objects.filter(username="agent").first() or _people_and_orders()
    alive.free_rows_of_the_dead()
    sign = alive.Sign()
    drain()
    # With a real provider in the environment there are no orders.
    orders = list(Order.objects.order_by("number"))
    if orders:
        _make_history(agent, orders)
    sign.end()
    with transaction.atomic():
        _staff()


def _make_history(agent: User, orders: list[Order]) -> None:
    """The orders were told of when they were placed, and clerks and people have been busy since. Once more does no harm."""
    has_talk = Event.objects.filter(type="message").exists()
    if not has_talk:
        with transaction.atomic():
            for order in orders:
                _tell_earlier(order)
        _move(orders, EARLIER)
        with transaction.atomic():
            for line in TALK:
                _say(agent, *line)
    _move(orders, LATER)


def reset(database: Path) -> None:
    """Remove a database of SQLite. Raises CommandError while a process has it open: it would go on with a file that is no longer there."""
    if database.exists() and _is_open(database):
        raise CommandError(f"{database} is in use. End the demo first (Ctrl-C in its terminal), then reset it.")
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


def _is_open(database: Path) -> bool:
    try:
        with closing(sqlite3.connect(database, timeout=0)) as connection:
            # SQLite leaves its write-ahead log only where it is alone.
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    except sqlite3.DatabaseError:
        return False  # no database at all
    return False


def welcome(url: str) -> str:
    """What the terminal says once everything is there."""
    logins = "\n".join(f"  {role:<10}{url}{path:<10} user {name!r}, password {password!r}" for role, name, password, path in LOGINS)
    return f"""
Order Support runs at {url}/   (Ctrl-C ends it)

{logins}
  Mailbox   {_mailbox(url)}
  Phones    {_phones(url)}
  API       {url}/api/docs/

Try it: enter an order at {url}/admin/orders/order/add/ - or, in another terminal:
  curl -d "username=agent" -X POST {url}/user
  curl -d "username=user-123" -X POST {url}/user
  curl -d "username=user-123" -X POST {url}/order
"""


def _mailbox(url: str) -> str:
    if settings.SENDINBLUE_API_KEY:
        return f"none here: mails go to {settings.SENDINBLUE_API_URL}"
    return f"{url}/demo/mailbox/   every mail that customers would get"


def _phones(url: str) -> str:
    phones = backends.phones()
    if phones.is_local:
        return f"{url}/demo/phones/    every text and call that the agent on duty would get"
    if not phones.can_text:
        return "none here: Vonage is set, and without VONAGE_FROM_NUMBER no text and no call leaves"
    texts = settings.VONAGE_REST_HOST if settings.VONAGE_SMS_API == "sms" else settings.VONAGE_API_HOST
    calls = f"calls to {settings.VONAGE_API_HOST}" if phones.can_call else "calls can't be placed from a name"
    return f"none here: texts go to {texts}, {calls}, from {settings.VONAGE_FROM_NUMBER}"


def _people_and_orders() -> User:
    # A number that belongs to nobody, so that texts and calls reach nobody even with a real Vonage account.
    agent = User.objects.create_user("agent", "agent@example.com", "agent", name="Maria", phone="+1 202 555 0143", on_duty=True)
    agent.groups.add(Group.objects.get(name=AGENTS_GROUP))
    for person in CUSTOMERS:
        User.objects.create_user(**person)
    # With a real provider in the environment nobody at example.com is written to; stand-ins on this machine write to nobody.
    for order in [] if real_providers() else ORDERS:
        _order(*order)
    return agent


def _staff() -> None:
    staff = User.objects.create_superuser("staff", "staff@example.com", "staff", name="Robin Staff")
    staff.groups.add(Group.objects.get(name=AGENTS_GROUP))


def _order(username: str, status: str, currency: str, hours: int, city: str, country: str, lines: Lines) -> Order:
    customer = User.objects.get(username=username)
    entered = timezone.now() - timedelta(hours=hours)
    articles: list[dict[str, Any]] = [
        {"name": name, "sku": sku, "quantity": quantity, "unit_price": Decimal(price)} for name, sku, quantity, price in lines
    ]
    placed_at = None if status == "draft" else entered
    fields: dict[str, Any] = {"status": status, "currency": currency, "created_at": entered, "placed_at": placed_at}
    return place(customer, articles, ship_to_name=customer.name, city=city, country=country, **fields)


def _tell_earlier(order: Order) -> None:
    """As if the worker had told of the order when it was placed, and not a moment ago."""
    if order.placed_at is None:
        return
    told_at = order.placed_at + timedelta(seconds=1)
    events = Event.objects.filter(conversation__customer=order.customer)
    events.filter(type="custom:order-confirm-event", body__id=order.number).update(created_at=told_at)
    events.filter(type="member:joined", created_at__gt=order.placed_at).update(created_at=order.placed_at)
    Conversation.objects.filter(customer=order.customer).update(last_event_at=told_at)
    steps = {"conversation_opened_at": told_at, "event_added_at": told_at, "mail_sent_at": told_at}
    order.confirmations.filter(state="done").update(created_at=order.placed_at, finished_at=told_at, **steps)
    StoredMail.objects.filter(params__order_id=order.number).update(created_at=told_at)


def _move(orders: list[Order], moves: Moves) -> None:
    """As the clerk does it, and as if it had been then."""
    with transaction.atomic():
        for place_in_list, status, _minutes in moves:
            order = Order.objects.get(pk=orders[place_in_list].pk)
            order.status = status
            order.save()
    drain()
    for place_in_list, status, minutes in moves:
        order, then = orders[place_in_list], timezone.now() - timedelta(minutes=minutes)
        events = Event.objects.filter(conversation__customer=order.customer, type=folds.ORDER_STATUS)
        for event in events.filter(body__id=order.number, body__status=status):
            event.created_at, event.body["moved_at"] = then, shapes.timestamp(then)
            event.save(update_fields=["created_at", "body"])
        Conversation.objects.filter(customer=order.customer).update(last_event_at=then)


def _say(agent: User, username: str, who: str, minutes: int, text: str) -> None:
    conversation = conversations.open_for(User.objects.get(username=username))
    speaker = conversation.customer if who == "customer" else agent
    begun = conversation.sequence
    about = conversation.customer.orders.exclude(status="draft").order_by("number").last()
    conversations.send_text(conversations.join(conversation, speaker), text, about=about.number if about else None)
    then = timezone.now() - timedelta(minutes=minutes)
    conversation.events.filter(sequence__gt=begun).update(created_at=then)
    # Who writes has seen what is above, then too.
    conversation.members.filter(user=speaker, seen_at__isnull=False).update(seen_at=then)
    stored = Conversation.objects.get(pk=conversation.pk)
    stored.last_event_at = then
    stored.waiting_since = then if who == "customer" and stored.waiting_since else None
    # Long ago: nobody is mailed what was said then.
    stored.untold_since = None
    stored.save(update_fields=["last_event_at", "waiting_since", "untold_since"])
