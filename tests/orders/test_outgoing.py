"""Outgoing webhooks, told to a real receiver on this machine: signed, repeated, given up, and never sent inside the house."""

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from pytest_django import Settings

from accounts.models import ApiKey, User
from chat import leases
from chat.backends import circuit
from chat.coordinator import drain
from chat.outbox import BackendError, State
from chat.sentences import in_words
from orders import feed, outgoing
from orders.backends import endpoints
from orders.models import Order
from orders.webhook_models import WebhookDelivery, WebhookEndpoint
from tests.accounts.threads import THREADS, at_once

Place = Callable[..., Order]
URL = "/api/webhooks/"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "api.md"


class Receiver:
    """A client's web server: what it got, and what it answers next (then 204 again)."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks?shop=1"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The bodies."""
        return [json.loads(body) for _headers, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver that runs."""
    with Receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _to_this_machine(settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True


@pytest.fixture
def client_user(clerk: User) -> User:
    """The shop's own user."""
    return User.objects.create_superuser("shop")


@pytest.fixture
def shop(client_user: User) -> Client:
    """A client with a key that may do everything."""
    _row, key = ApiKey.objects.create_key(user=client_user, name="shop")
    return Client(headers={"Authorization": f"Token {key}"}, raise_request_exception=False)


@pytest.fixture
def endpoint(receiver: Receiver, client_user: User) -> WebhookEndpoint:
    """The receiver, registered."""
    return WebhookEndpoint.objects.create(url=receiver.url, created_by=client_user)


def later() -> None:
    """Make every waiting delivery due."""
    WebhookDelivery.objects.filter(state=State.WAITING).update(next_attempt_at=timezone.now())


def is_signed_by(secret: bytes, headers: dict[str, str], body: bytes) -> bool:
    """As the receiver's library verifies it: https://www.standardwebhooks.com."""
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    mark = "v1," + base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return mark in headers["webhook-signature"].split(" ")


# --- Told --------------------------------------------------------------------------------------------------------------


def test_an_endpoint_is_told_what_the_feed_tells(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    place(alice)
    drain()
    drain()
    told = sorted(receiver.events, key=lambda event: event["sequence"])
    assert told == shop.get("/api/events/").json()["events"]
    assert [event["type"] for event in told] == ["order.placed", "order.told"]


def test_each_delivery_is_signed_over_id_time_and_body(receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place) -> None:
    place(alice, status="draft")
    drain()
    (headers, body) = receiver.got[0]
    assert is_signed_by(endpoint.secret(), headers, body)
    assert not is_signed_by(endpoint.secret(), headers, body + b" ")
    assert not is_signed_by(endpoint.secret(2), headers, body)
    assert abs(int(headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60
    assert headers["host"] == receiver.url.split("/")[2]


def documented_check() -> Callable[[str, dict[str, str], bytes], bool]:
    """The lines that docs/api.md offers to receivers."""
    (lines,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(lines, names)
    return cast("Callable[[str, dict[str, str], bytes], bool]", names["is_genuine"])


def test_the_documented_check_takes_a_delivery_and_no_forged_one(
    receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    place(alice, status="draft")
    drain()
    (headers, body) = receiver.got[0]
    is_genuine, secret = documented_check(), outgoing.shown_secret(endpoint)
    forged = {**headers, "webhook-signature": "v1,Zm9yZ2Vk"}
    assert is_genuine(secret, headers, body)
    assert not is_genuine(secret, headers, body + b" ")
    assert not is_genuine(secret, forged, body)
    assert not is_genuine("whsec_" + base64.b64encode(b"another").decode(), headers, body)


def test_the_documented_check_refuses_what_is_old(receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place) -> None:
    place(alice, status="draft")
    drain()
    (headers, body) = receiver.got[0]
    is_genuine, secret = documented_check(), outgoing.shown_secret(endpoint)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert not is_genuine(secret, headers, body)


def test_the_documented_check_takes_deliveries_after_the_secret_was_replaced(
    receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    old = outgoing.shown_secret(endpoint)
    new = outgoing.replace_secret(endpoint)
    place(alice, status="draft")
    drain()
    (headers, body) = receiver.got[0]
    is_genuine = documented_check()
    assert (is_genuine(old, headers, body), is_genuine(new, headers, body)) == (True, True)


def test_only_the_chosen_events_are_told(receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place) -> None:
    WebhookEndpoint.objects.update(types=["order.told"])
    place(alice)
    drain()
    drain()
    assert [event["type"] for event in receiver.events] == ["order.told"]


def test_a_refused_delivery_comes_again_under_the_same_id(receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place) -> None:
    receiver.answers = [(500, {}), (429, {"Retry-After": "1"})]
    place(alice, status="draft")
    for _attempt in range(3):
        drain()
        later()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.status_code, row.attempts, len(receiver.got)) == ("done", 204, 3, 3)
    assert {headers["webhook-id"] for headers, _body in receiver.got} == {str(row.public_id)}
    assert WebhookEndpoint.objects.get().failing_since is None


def test_a_receiver_that_was_away_for_a_hundred_events_finds_them_in_the_feed(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    for _number in range(100):
        place(alice, status="draft")
    feed.number()
    # A day in which nobody answered.
    WebhookDelivery.objects.update(state=State.FAILED)
    place(alice, status="draft")
    drain()
    (told,) = receiver.events
    missed = shop.get("/api/events/?limit=500").json()["events"]
    numbers = [event["sequence"] for event in missed if event["sequence"] < told["sequence"]]
    assert [*numbers, told["sequence"]] == list(range(1, 102))


def test_a_redirect_is_not_followed(receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place) -> None:
    receiver.answers = [(307, {"Location": receiver.url})]
    place(alice, status="draft")
    drain()
    assert (len(receiver.got), WebhookDelivery.objects.get().error_code) == (1, "http_307")


@pytest.fixture
def _long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is down is asked once in ten seconds, which pass while a busy machine still works on the rest."""
    monkeypatch.setattr(circuit, "PAUSE_SECONDS", circuit.LONGEST_PAUSE_SECONDS)


@pytest.mark.usefixtures("_long_pauses")
def test_an_endpoint_that_is_down_is_asked_by_few(endpoint: WebhookEndpoint, receiver: Receiver, alice: User, place: Place) -> None:
    receiver.answers = [(500, {})] * 50
    for _number in range(30):
        place(alice, status="draft")
    drain()
    assert len(receiver.got) == circuit.FAILURES_IN_A_ROW


def test_nothing_of_a_body_is_in_the_log(
    receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [(500, {})]
    order = place(alice, status="draft")
    Order.objects.filter(pk=order.pk).update(external_id="W-secret-17")
    drain()
    assert "W-secret-17" in receiver.got[0][1].decode()
    assert "W-secret-17" not in caplog.text
    assert "alice" not in caplog.text


# --- Switched off ------------------------------------------------------------------------------------------------------


def test_an_endpoint_that_takes_nothing_for_a_day_is_switched_off_with_the_reason(
    receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    receiver.answers = [(500, {})] * 3
    place(alice, status="draft")
    drain()
    place(alice, status="draft")
    WebhookEndpoint.objects.update(failing_since=timezone.now() - outgoing.PATIENCE - timedelta(minutes=1))
    for _attempt in range(2):
        later()
        drain()
    endpoint.refresh_from_db()
    assert (endpoint.is_active, "500" in endpoint.off_reason) == (False, True)
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"cancelled"}


def test_what_a_dead_worker_holds_leaves_the_others_their_deliveries(alice: User, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        WebhookEndpoint.objects.create(url=f"https://shop{number}.example.com/")
    for _order in range(5):
        place(alice, status="draft")
    feed.number()
    with monkeypatch.context() as patch:
        patch.setattr(leases, "WORKER", 0xDEAD)
        held = len(WebhookDelivery.claim(50))
    assert (held, len(WebhookDelivery.claim(50)), len(WebhookDelivery.claim(50))) == (10, 10, 0)


def test_a_new_address_is_not_switched_off_for_what_the_one_before_did_not_take(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    WebhookEndpoint.objects.update(failing_since=timezone.now() - outgoing.PATIENCE - timedelta(minutes=1))
    shop.patch(f"{URL}{endpoint.public_id}/", {"url": f"{receiver.url}?new"}, content_type="application/json")
    receiver.answers = [(500, {})]
    place(alice, status="draft")
    drain()
    drain()
    endpoint.refresh_from_db()
    assert (len(receiver.got), endpoint.is_active) == (1, True)


def test_an_endpoint_that_says_it_is_gone_is_switched_off_at_once(
    receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    receiver.answers = [(410, {})]
    place(alice, status="draft")
    drain()
    place(alice, status="draft")
    drain()
    endpoint.refresh_from_db()
    assert (endpoint.is_active, "410" in endpoint.off_reason, len(receiver.got)) == (False, True, 1)
    with override("zh-hans"):
        assert in_words(endpoint.off_reason).startswith("自 ")


def test_one_that_is_switched_on_again_is_told_from_then_on(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    WebhookEndpoint.objects.update(is_active=False, off_reason="Failed.", failing_since=timezone.now())
    place(alice, status="draft")
    drain()
    shown = shop.patch(f"{URL}{endpoint.public_id}/", {"is_active": True}, content_type="application/json").json()
    place(alice, status="draft")
    drain()
    assert (shown["off_reason"], shown["failing_since"]) == ("", None)
    assert [event["sequence"] for event in receiver.events] == [2]


# --- Where nothing is sent ---------------------------------------------------------------------------------------------

INSIDE = [
    "https://127.0.0.1/",
    "https://localhost/",
    "https://10.1.2.3/",
    "https://192.168.0.1:8443/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://0.0.0.0/",
    "https://224.0.0.1/",
    "https://100.64.0.1/",
    "https://db.internal/",
    "https://printer.local/",
    "http://example.com/",
    "ftp://example.com/",
    "https://user:password@example.com/",
    "https:///x",
    "https://example.com:0x50/",
    "junk",
    "",
]


@pytest.mark.parametrize("url", INSIDE)
def test_an_address_inside_is_refused_when_it_is_registered(shop: Client, settings: Settings, url: str) -> None:
    settings.WEBHOOKS_TO_PRIVATE = False
    answer = shop.post(URL, {"url": url}, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["field"], WebhookEndpoint.objects.exists()) == (400, "url", False)


# Names of the loopback under which nothing is refused by its words alone; ip addresses in forms that resolvers understand.
HIDDEN = ["https://127.1/", "https://2130706433/", "https://0x7f.1/", "https://017700000001/"]


@pytest.mark.parametrize("url", HIDDEN)
def test_a_name_that_means_an_address_inside_is_refused_when_it_is_sent_to(settings: Settings, url: str) -> None:
    settings.WEBHOOKS_TO_PRIVATE = False
    with pytest.raises(BackendError) as refused:
        endpoints.post(url, b"{}", {}, name=url)
    assert refused.value.code in {"address_refused", "no_such_host"}


def test_a_name_is_asked_once_and_its_answer_is_where_the_call_goes(
    settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    port = receiver.server.server_port

    def rebinding(host: str, *_more: object, **_names: object) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    settings.WEBHOOKS_TO_PRIVATE = False
    monkeypatch.setattr("orders.backends.endpoints.socket.getaddrinfo", rebinding)
    with pytest.raises(BackendError) as refused:
        endpoints.post(f"https://shop.example.com:{port}/", b"{}", {}, name="rebinding")
    assert (refused.value.code, refused.value.permanent, asked, receiver.got) == ("address_refused", True, ["shop.example.com"], [])


def test_a_public_address_among_private_ones_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOKS_TO_PRIVATE = False
    both = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("orders.backends.endpoints.socket.getaddrinfo", lambda *_more, **_names: both)
    with pytest.raises(BackendError, match="private"):
        endpoints.post("https://shop.example.com/", b"{}", {}, name="both")


# --- By the API and in the admin ---------------------------------------------------------------------------------------


def test_a_webhook_is_registered_read_changed_and_removed(shop: Client, receiver: Receiver) -> None:
    made = shop.post(URL, {"url": receiver.url, "types": ["order.told"]}, content_type="application/json").json()
    one = f"{URL}{made['id']}/"
    changed = shop.patch(one, {"types": []}, content_type="application/json").json()
    assert (made["types"], changed["types"], [row["id"] for row in shop.get(URL).json()["results"]]) == (["order.told"], [], [made["id"]])
    assert (shop.delete(one).status_code, shop.get(one).status_code) == (204, 404)


@THREADS
def test_a_change_keeps_the_secret_that_is_replaced_at_the_same_moment(shop: Client, endpoint: WebhookEndpoint) -> None:
    def act(number: int) -> None:
        if number % 2:
            outgoing.replace_secret(endpoint)
        else:
            shop.patch(f"{URL}{endpoint.public_id}/", {"types": ["order.told"]}, content_type="application/json")

    at_once(8, act)
    endpoint.refresh_from_db()
    assert (endpoint.secret_version, endpoint.types) == (5, ["order.told"])


def test_the_secret_is_shown_to_whoever_may_write(shop: Client, endpoint: WebhookEndpoint, client_user: User) -> None:
    _row, reading = ApiKey.objects.create_key(user=client_user, name="till", scopes=["orders:read"])
    url = f"{URL}{endpoint.public_id}/secret/"
    shown = shop.get(url)
    assert base64.b64decode(shown.json()["secret"].removeprefix("whsec_")) == endpoint.secret()
    assert shown["Cache-Control"] == "no-store"
    assert Client(headers={"Authorization": f"Token {reading}"}).get(url).json()["code"] == "missing_scope"


def test_another_clients_webhook_is_not_there(shop: Client, endpoint: WebhookEndpoint, clerk: User) -> None:
    _row, key = ApiKey.objects.create_key(user=clerk, name="other")
    other = Client(headers={"Authorization": f"Token {key}"})
    urls = [f"{URL}{endpoint.public_id}/{part}" for part in ("", "secret/", "deliveries/")]
    assert [other.get(url).status_code for url in urls] == [404, 404, 404]


def test_a_client_has_a_few_webhooks(shop: Client, receiver: Receiver) -> None:
    codes = [shop.post(URL, {"url": receiver.url}, content_type="application/json").status_code for _number in range(21)]
    assert codes == [201] * 20 + [400]


def test_a_delivery_is_looked_at_and_sent_again(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    place(alice, status="draft")
    drain()
    log = f"{URL}{endpoint.public_id}/deliveries/"
    (row,) = shop.get(log).json()["results"]
    assert (row["state"], row["status_code"], row["sequence"], row["type"]) == ("done", 204, 1, "order.created")
    assert shop.post(f"{log}{row['id']}/resend/").status_code == 202
    drain()
    assert [headers["webhook-id"] for headers, _body in receiver.got] == [row["id"], row["id"]]


def logged(shop: Client, endpoint: WebhookEndpoint) -> Any:
    """The newest delivery, as the log shows it."""
    return shop.get(f"{URL}{endpoint.public_id}/deliveries/").json()["results"][0]


@pytest.mark.parametrize("status", [302, 410, 500])
def test_the_log_shows_what_a_receiver_answered_that_did_not_take_it(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place, status: int
) -> None:
    receiver.answers = [(status, {})]
    place(alice, status="draft")
    drain()
    row = logged(shop, endpoint)
    assert (row["status_code"], row["error_code"]) == (status, f"http_{status}")


def test_an_attempt_without_an_answer_leaves_no_answer_of_an_earlier_one(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    receiver.answers = [(500, {})]
    place(alice, status="draft")
    drain()
    WebhookEndpoint.objects.update(url="http://nowhere.invalid/")
    later()
    drain()
    row = logged(shop, endpoint)
    assert (row["status_code"], row["error_code"]) == (None, "no_such_host")


@pytest.mark.usefixtures("_long_pauses")
def test_a_delivery_that_is_held_back_still_shows_what_its_receiver_answered(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    receiver.answers = [(500, {})] * circuit.FAILURES_IN_A_ROW
    place(alice, status="draft")
    for _attempt in range(circuit.FAILURES_IN_A_ROW + 1):
        drain()
        later()
    row = logged(shop, endpoint)
    assert (len(receiver.got), row["status_code"], row["error_code"]) == (circuit.FAILURES_IN_A_ROW, 500, "http_500")


@pytest.mark.parametrize(
    ("answers", "is_waiting"), [([], False), ([(410, {})], False), ([(500, {})], True)], ids=["done", "failed", "waiting"]
)
def test_only_a_delivery_that_waits_has_a_next_attempt(
    shop: Client,
    receiver: Receiver,
    endpoint: WebhookEndpoint,
    alice: User,
    place: Place,
    answers: list[tuple[int, dict[str, str]]],
    is_waiting: bool,
) -> None:
    receiver.answers = answers
    place(alice, status="draft")
    drain()
    assert (logged(shop, endpoint)["next_attempt_at"] is not None) == is_waiting


def test_a_delivery_that_is_sent_again_has_no_answer_yet(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    place(alice, status="draft")
    drain()
    sent = shop.post(f"{URL}{endpoint.public_id}/deliveries/{logged(shop, endpoint)['id']}/resend/").json()
    assert (sent["state"], sent["status_code"]) == ("waiting", None)


def switch(shop: Client, endpoint: WebhookEndpoint, *, on: bool) -> None:
    """Switch the webhook on or off, as its client does."""
    shop.patch(f"{URL}{endpoint.public_id}/", {"is_active": on}, content_type="application/json")


def test_a_delivery_that_was_cancelled_is_sent_again_once_its_webhook_is_on_again(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    receiver.answers = [(500, {})]
    place(alice, status="draft")
    drain()
    switch(shop, endpoint, on=False)
    later()
    drain()
    log = f"{URL}{endpoint.public_id}/deliveries/"
    (cancelled,) = shop.get(log).json()["results"]
    switch(shop, endpoint, on=True)
    again = shop.post(f"{log}{cancelled['id']}/resend/").status_code
    drain()
    assert (cancelled["state"], again, shop.get(log).json()["results"][0]["state"]) == ("cancelled", 202, "done")


def test_a_lease_that_outlived_its_delivery_holds_nobody_back(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    place(alice, status="draft")
    drain()
    WebhookDelivery.objects.update(state=State.CANCELLED, lease_token=leases.new_token())
    resend = f"{URL}{endpoint.public_id}/deliveries/{WebhookDelivery.objects.get().public_id}/resend/"
    assert [shop.post(resend).status_code for _time in range(2)] == [202, 202]


def test_a_delivery_that_is_being_sent_is_not_sent_beside_it(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    place(alice, status="draft")
    feed.number()
    [held] = WebhookDelivery.claim(1)
    answer = shop.post(f"{URL}{endpoint.public_id}/deliveries/{held.public_id}/resend/")
    assert (answer.status_code, answer.json()["code"]) == (409, "under_way")
    assert WebhookDelivery.objects.get().lease_token == held.lease_token


def test_nothing_is_sent_again_by_a_webhook_that_is_switched_off(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    place(alice, status="draft")
    drain()
    switch(shop, endpoint, on=False)
    before = WebhookDelivery.objects.values().get()
    answer = shop.post(f"{URL}{endpoint.public_id}/deliveries/{before['public_id']}/resend/")
    assert (answer.status_code, answer.json()["code"], "Switch it on first" in answer.json()["detail"]) == (409, "switched_off", True)
    drain()
    assert (WebhookDelivery.objects.values().get(), len(receiver.got)) == (before, 1)


def test_a_chinese_client_reads_that_the_webhook_is_to_be_switched_on_first(
    shop: Client, receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    place(alice, status="draft")
    drain()
    switch(shop, endpoint, on=False)
    resend = f"{URL}{endpoint.public_id}/deliveries/{WebhookDelivery.objects.get().public_id}/resend/"
    answer = shop.post(resend, headers={"Accept-Language": "zh-hans"})
    assert answer.json()["detail"] == "此 Webhook 已停用，什么都不会发送。请先启用它。"


@pytest.mark.parametrize("delivery", ["0" * 36, "00000000-0000-0000-0000-000000000000"])
def test_a_delivery_that_isnt_there_is_a_404(shop: Client, endpoint: WebhookEndpoint, delivery: str) -> None:
    assert shop.post(f"{URL}{endpoint.public_id}/deliveries/{delivery}/resend/").status_code == 404


def test_a_replaced_secret_and_the_one_before_sign_for_a_day(
    receiver: Receiver, endpoint: WebhookEndpoint, alice: User, place: Place
) -> None:
    old = endpoint.secret()
    outgoing.replace_secret(endpoint)
    endpoint.refresh_from_db()
    place(alice, status="draft")
    drain()
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        place(alice, status="draft")
        drain()
    signed = [[is_signed_by(secret, *delivery) for secret in (old, endpoint.secret())] for delivery in receiver.got]
    assert signed == [[True, True], [False, True]]


def test_the_admin_registers_shows_the_secret_once_and_sends_again(clerk: User, receiver: Receiver, alice: User, place: Place) -> None:
    desk = Client()
    desk.force_login(clerk)
    form = {"url": receiver.url, "types": ["order.created"], "is_active": "on"}
    page = desk.post("/admin/orders/webhookendpoint/add/", form, follow=True).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    secret = outgoing.shown_secret(endpoint)
    assert (secret in page, endpoint.created_by) == (True, clerk)
    assert secret not in desk.get(f"/admin/orders/webhookendpoint/{endpoint.pk}/change/").content.decode()
    place(alice, status="draft")
    drain()
    row = WebhookDelivery.objects.get()
    deliveries = "/admin/orders/webhookdelivery/"
    assert str(endpoint) in desk.get(deliveries).content.decode()
    desk.post(deliveries, {"action": "send_again", "_selected_action": [row.pk]})
    drain()
    assert len(receiver.got) == 2


def test_the_admin_says_what_is_not_sent_again_and_why(clerk: User, receiver: Receiver, alice: User, place: Place) -> None:
    desk = Client()
    desk.force_login(clerk)
    endpoints = [WebhookEndpoint.objects.create(url=receiver.url) for _number in range(3)]
    place(alice, status="draft")
    drain()
    WebhookEndpoint.objects.filter(pk=endpoints[0].pk).update(is_active=False)
    WebhookDelivery.objects.filter(endpoint=endpoints[1]).update(state=State.WAITING, lease_token=leases.new_token())
    form = {"action": "send_again", "_selected_action": [row.pk for row in WebhookDelivery.objects.all()]}
    page = desk.post("/admin/orders/webhookdelivery/", form, follow=True)
    assert [str(message) for message in page.context["messages"]] == [
        "1 delivery is sent again now.",
        "1 was left alone: its webhook is switched off. Switch it on first.",
        "1 was left alone: it is being sent at this moment.",
    ]
    assert WebhookDelivery.objects.get(endpoint=endpoints[0]).state == State.DONE


def test_the_admin_refuses_an_address_inside(clerk: User, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE = False
    desk = Client()
    desk.force_login(clerk)
    page = desk.post("/admin/orders/webhookendpoint/add/", {"url": "https://127.0.0.1/", "is_active": "on"})
    assert (page.status_code, WebhookEndpoint.objects.exists()) == (200, False)


def test_what_is_refused_is_said_in_the_callers_language(shop: Client, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE = False
    answer = shop.post(URL, {"url": "http://shop.example.com/"}, content_type="application/json", headers={"Accept-Language": "zh-hans"})
    assert answer.json()["errors"][0]["detail"] == "地址必须以 https:// 开头。"


def test_a_chinese_clerk_reads_why_an_address_is_refused(clerk: User, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE = False
    clerk.language = "zh-hans"
    clerk.save()
    desk = Client()
    desk.force_login(clerk)
    page = desk.post("/admin/orders/webhookendpoint/add/", {"url": "https://10.0.0.1/hooks"}).content.decode()
    assert "该地址位于内部网络中。" in page
