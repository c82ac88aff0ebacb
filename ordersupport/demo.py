"""The demo's people and orders: one shop's day, told through the same doors as every other order."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.models import AGENTS_GROUP, User
from chat import conversations
from chat.coordinator import drain
from chat.models import Conversation, Event
from orders.models import Order, StoredMail
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
# customer, who speaks, minutes ago, text; each conversation in order
TALK: list[tuple[str, str, int, str]] = [
    ("anna", "customer", 95, "Hello! Can the mug still be swapped for the green one?"),
    ("anna", "agent", 92, "Of course. We have two green ones left, so both will be green. Same price."),
    ("anna", "customer", 91, "Lovely, thank you."),
    ("anna", "agent", 90, "You are welcome. It leaves the house this afternoon."),
    ("chen", "customer", 40, "你好，请问茶杯什么时候发货？"),
    ("yuki", "customer", 4, "Is the noren the 85 cm or the 150 cm one?"),
]


def fill() -> None:
    """Make the demo's people, orders and talk once; what is there already is left as it is."""
    if User.objects.filter(username="staff").exists():
        return
    with transaction.atomic():
        agent = _people()
        # With a real provider in the environment nobody at example.com is written to; stand-ins on this machine write to nobody.
        if real_providers():
            return
        for order in ORDERS:
            _order(*order)
    drain()
    with transaction.atomic():
        for number in Order.objects.values_list("number", flat=True):
            _tell_earlier(Order.objects.get(number=number))
        for line in TALK:
            _say(agent, *line)


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
  curl -d "username=user-123" -X POST {url}/user
  curl -d "username=user-123" -X POST {url}/order
"""


def _mailbox(url: str) -> str:
    if settings.SENDINBLUE_API_KEY:
        return f"none here: mails go to {settings.SENDINBLUE_API_URL}"
    return f"{url}/demo/mailbox/   every mail that customers would get"


def _phones(url: str) -> str:
    if settings.VONAGE_APPLICATION_ID:
        return f"none here: texts and calls go to {settings.VONAGE_API_HOST}, once VONAGE_FROM_NUMBER is set"
    return f"{url}/demo/phones/    every text and call that the agent on duty would get"


def _people() -> User:
    staff = User.objects.create_superuser("staff", "staff@example.com", "staff", name="Robin Staff")
    staff.groups.add(Group.objects.get(name=AGENTS_GROUP))
    # A number that belongs to nobody, so that texts and calls reach nobody even with a real Vonage account.
    agent = User.objects.create_user("agent", "agent@example.com", "agent", name="Maria", phone="+1 202 555 0143", on_duty=True)
    agent.groups.add(Group.objects.get(name=AGENTS_GROUP))
    for person in CUSTOMERS:
        User.objects.create_user(**person)
    return agent


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


def _say(agent: User, username: str, who: str, minutes: int, text: str) -> None:
    conversation = conversations.open_for(User.objects.get(username=username))
    speaker = conversation.customer if who == "customer" else agent
    begun = conversation.sequence
    conversations.send_text(conversations.join(conversation, speaker), text)
    then = timezone.now() - timedelta(minutes=minutes)
    conversation.events.filter(sequence__gt=begun).update(created_at=then)
    stored = Conversation.objects.get(pk=conversation.pk)
    stored.last_event_at = then
    stored.waiting_since = then if who == "customer" and stored.waiting_since else None
    # Long ago: nobody is mailed what was said then.
    stored.untold_since = None
    stored.save(update_fields=["last_event_at", "waiting_since", "untold_since"])
