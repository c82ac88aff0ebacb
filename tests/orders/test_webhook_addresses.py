"""Where a webhook may go, and how many a client has."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiKey, AuditEntry, User
from chat.outbox import BackendError
from orders.backends import endpoints
from orders.webhook_models import WebhookEndpoint
from tests.accounts.threads import THREADS, at_once

URL = "/api/webhooks/"
# Other ways to write an IPv4 address, and names that resolvers of a network know.
HIDDEN = ["127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.0x1", "1.2.3", "0"]
NAMES = ["localhost.", "LOCALHOST", "intranet", "metadata.google.internal.", "localhost.localdomain", "db.local."]
RANGES = [
    *[
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
    ],
    *[
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "233.252.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
    *[
        "127.0.0.1.",
        "[::]",
        "[::1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[100::1]",
    ],
    *["[2001::1]", "[2001:10::1]", "[2001:db8::1]", "[2002:7f00:1::]", "[3fff::1]", "[5f00::1]", "[fc00::1]", "[fd00::1]", "[fe80::1]"],
    *["[fec0::1]", "[ff02::1]"],
]
PUBLIC = ["shop.example.com", "shop.example.com.", "1.1.1.1", "[2606:4700:4700::1111]", "xn--exmple-cua.com", "1and1.example", "a.b0x1"]


@pytest.fixture
def shop(clerk: User) -> Client:
    """A client with a key that may do everything."""
    _row, key = ApiKey.objects.create_key(user=clerk, name="shop")
    return Client(headers={"Authorization": f"Token {key}"})


def register(shop: Client, host: str) -> tuple[int, bool]:
    """The status, and whether a webhook is there afterwards."""
    answer = shop.post(URL, {"url": f"https://{host}/hooks"}, content_type="application/json")
    return answer.status_code, WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("host", HIDDEN + NAMES + RANGES)
def test_an_address_inside_is_refused_when_it_is_registered_however_it_is_written(shop: Client, host: str) -> None:
    assert register(shop, host) == (400, False)


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_is_taken(shop: Client, host: str) -> None:
    assert register(shop, host) == (201, True)


@pytest.mark.parametrize("address", [host.strip("[]") for host in RANGES[:-1] if not host.endswith(".")])
def test_a_name_that_means_one_is_refused_when_it_is_sent_to(address: str, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE = False
    monkeypatch.setattr("orders.backends.endpoints.socket.getaddrinfo", lambda *_more, **_names: [(2, 1, 6, "", (address, 443))])
    with pytest.raises(BackendError) as refused:
        endpoints.post("https://shop.example.com/", b"{}", {}, name=address)
    assert refused.value.code == "address_refused"


@THREADS
def test_a_client_that_registers_at_many_hands_has_twenty(clerk: User) -> None:
    _row, key = ApiKey.objects.create_key(user=clerk, name="shop")
    for number in range(17):
        WebhookEndpoint.objects.create(url=f"https://shop{number}.example.com/", created_by=clerk)

    def one(number: int) -> int:
        browser = Client(headers={"Authorization": f"Token {key}"})
        return browser.post(URL, {"url": f"https://more{number}.example.com/"}, content_type="application/json").status_code

    answers = at_once(8, one)
    assert (sorted(answers), WebhookEndpoint.objects.count()) == ([201] * 3 + [400] * 5, 20)


def test_a_replaced_secret_is_in_the_audit_log(clerk: User) -> None:
    endpoint = WebhookEndpoint.objects.create(url="https://shop.example.com/", created_by=clerk)
    desk = Client()
    desk.force_login(clerk)
    desk.post("/admin/orders/webhookendpoint/", {"action": "replace_secret", "_selected_action": [endpoint.pk]})
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == (clerk, "webhook_secret_replaced", f"orders.webhookendpoint {endpoint.public_id}")
