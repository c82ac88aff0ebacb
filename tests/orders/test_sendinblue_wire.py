"""The connection to Sendinblue: kept, shared, trusted, and silent."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sib_api_v3_sdk
from django.core.mail import EmailMessage
from pytest_django import Settings

from accounts.models import User
from chat.backends.circuit import FAILURES_IN_A_ROW, Circuit, came_back
from chat.backends.pace import Pace
from chat.coordinator import Coordinator
from chat.outbox import BackendError, State
from orders.backends import sendinblue_wire
from orders.models import Order
from tests.accounts.threads import THREADS
from tests.orders.brevo_side import sendinblue, told, told_again
from tests.running import wait_for
from tests.twins import BrevoTwin
from tests.twins.tls import Authority


@pytest.fixture
def brevo(settings: Settings) -> Iterator[BrevoTwin]:
    with sendinblue(settings) as twin:
        yield twin


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A throw-away certificate authority, and a certificate of localhost."""
    return Authority(tmp_path)


def pace() -> Pace:
    """Of the mails."""
    return sendinblue_wire._circuit("send_transac_email").pace


def mail() -> EmailMessage:
    return EmailMessage("Subject", "Text of the mail", "shop@example.com", ["bob@example.com"])


def test_many_mails_go_over_one_connection(brevo: BrevoTwin) -> None:
    for _ in range(20):
        mail().send()
    assert (len(brevo.mails), brevo.server.counts.connections) == (20, 1)


def test_threads_one_after_the_other_share_one_connection(brevo: BrevoTwin) -> None:
    for _ in range(5):
        thread = threading.Thread(target=mail().send)
        thread.start()
        thread.join()
    assert (len(brevo.mails), brevo.server.counts.connections) == (5, 1)


def test_threads_side_by_side_need_no_more_connections_than_there_are_threads(brevo: BrevoTwin) -> None:
    threads = [threading.Thread(target=lambda: [mail().send() for _ in range(10)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(brevo.mails) == 80
    assert brevo.server.counts.connections <= 8


def test_an_error_does_not_cost_the_connection(brevo: BrevoTwin) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 500, "times": 1})
    assert (mail().send(fail_silently=True), mail().send(), brevo.server.counts.connections) == (0, 1, 1)


def test_a_process_hangs_no_handlers_on_the_loggers(brevo: BrevoTwin) -> None:
    # Other tests build configurations of their own, each of which hangs one more; what counts is what we add.
    before = [*logging.getLogger("sib_api_v3_sdk").handlers, *logging.getLogger("urllib3").handlers]
    mail().send()
    after = [*logging.getLogger("sib_api_v3_sdk").handlers, *logging.getLogger("urllib3").handlers]
    assert [handler for handler in after if handler not in before and isinstance(handler, logging.StreamHandler)] == []


def test_a_process_makes_one_configuration(brevo: BrevoTwin, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    second = threading.Event()
    original = sib_api_v3_sdk.Configuration

    def make() -> sib_api_v3_sdk.Configuration:
        made.append(1)
        # Leaves another thread the time to make one as well; the wait ends early if it does.
        second.set() if len(made) > 1 else second.wait(0.3)
        return original()

    monkeypatch.setattr(sib_api_v3_sdk, "Configuration", make)
    threads = [threading.Thread(target=mail().send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(brevo.mails), made) == (4, [1])


def test_all_waits_of_one_call_are_shorter_than_the_lease(settings: Settings) -> None:
    assert sendinblue_wire.CONNECT_SECONDS + sendinblue_wire.READ_SECONDS < settings.OUTBOX_LEASE_SECONDS


def test_a_provider_that_is_down_is_not_asked_by_every_mail(brevo: BrevoTwin) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 503})
    sent = [mail().send(fail_silently=True) for _ in range(30)]
    assert (sum(sent), brevo.log.counts()) == (0, {"brevo.send_mail": 10})


def test_a_mail_that_is_held_back_surely_did_not_leave(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 401})
    for _ in range(10):
        mail().send(fail_silently=True)
    confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code, confirmation.mail_tried_at) == (State.WAITING, "circuit_open", None)


def test_refused_mails_hold_no_other_mail_back(brevo: BrevoTwin) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 400, "times": 20})
    assert sum(mail().send(fail_silently=True) for _ in range(21)) == 1


def test_a_limit_pauses_every_mail(brevo: BrevoTwin) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "rate_limited", "reset": 60, "times": 1})
    sent = [mail().send(fail_silently=True) for _ in range(5)]
    assert (sent, brevo.log.counts()) == ([0] * 5, {"brevo.send_mail": 1})


def test_the_key_does_not_follow_a_redirect(brevo: BrevoTwin) -> None:
    elsewhere = f"{brevo.origin}/v3/elsewhere"
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 307, "body": "", "headers": {"location": elsewhere}})
    with pytest.raises(BackendError, match="redirect"):
        mail().send()
    assert [entry.path for entry in brevo.log.entries()] == ["/v3/smtp/email"]


def test_a_gateways_retry_after_is_not_slept_through_in_a_thread(brevo: BrevoTwin) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "status", "status": 503, "headers": {"retry-after": "30"}})
    with pytest.raises(BackendError) as caught:
        mail().send()
    assert (caught.value.retry_after, brevo.log.counts()) == (30, {"brevo.send_mail": 1})


@pytest.mark.parametrize("fault", ["lost_reply", "malformed", "html_502"])
def test_no_log_holds_the_key_an_address_or_the_text(
    brevo: BrevoTwin, caplog: pytest.LogCaptureFixture, alice: User, place: Callable[..., Order], fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    brevo.faults.set("brevo.send_mail", {"fault": fault, "times": 1})
    told(place(alice))
    assert [word for word in (brevo.api_key, "alice@", "Widget") if word in caplog.text] == []


def test_a_certificate_of_our_own_authority_is_trusted(settings: Settings, authority: Authority) -> None:
    settings.SENDINBLUE_CA_FILE = str(authority.ca_file)
    with sendinblue(settings, tls=authority.context()) as brevo:
        mail().send()
        mail().send()
        assert (len(brevo.mails), brevo.server.counts.handshakes) == (2, 1)


def test_a_strangers_certificate_is_not_trusted(settings: Settings, authority: Authority, alice: User, place: Callable[..., Order]) -> None:
    with sendinblue(settings, tls=authority.context()):
        confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code, confirmation.is_unknown) == (State.WAITING, "tls_not_trusted", False)


def test_a_certificate_of_another_name_is_not_trusted(
    settings: Settings, authority: Authority, monkeypatch: pytest.MonkeyPatch, alice: User, place: Callable[..., Order]
) -> None:
    settings.SENDINBLUE_CA_FILE = str(authority.ca_file)
    with sendinblue(settings, tls=authority.context()) as brevo:
        here = socket.getaddrinfo("127.0.0.1", brevo.port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: here)
        settings.SENDINBLUE_API_URL = f"https://another.example.com:{brevo.port}/v3"
        confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code) == (State.WAITING, "tls_not_trusted")


def test_a_ca_file_without_a_certificate_is_named(
    settings: Settings, authority: Authority, tmp_path: Path, alice: User, place: Callable[..., Order]
) -> None:
    settings.SENDINBLUE_CA_FILE = str(tmp_path / "empty.pem")
    (tmp_path / "empty.pem").write_text("nothing")
    with sendinblue(settings, tls=authority.context()):
        confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code) == (State.WAITING, "tls_not_trusted")
    assert "SENDINBLUE_CA_FILE" in confirmation.last_error


def test_an_address_without_tls_is_named(settings: Settings, alice: User, place: Callable[..., Order]) -> None:
    with sendinblue(settings) as brevo:
        settings.SENDINBLUE_API_URL = brevo.url.replace("http:", "https:")
        confirmation = told(place(alice))
    assert (confirmation.state, confirmation.error_code, confirmation.is_unknown) == (State.WAITING, "no_tls", False)


@THREADS
@pytest.mark.usefixtures("as_soon_as_the_product_has_it")
def test_the_real_worker_sends_each_mail_once(brevo: BrevoTwin, alice: User, place: Callable[..., Order]) -> None:
    brevo.faults.set("brevo.send_mail", {"fault": "lost_reply", "times": 4}, {"fault": "reset", "times": 4})
    orders = [place(alice) for _ in range(30)]
    coordinator = Coordinator(threads=10)
    worker = threading.Thread(target=coordinator.run)
    worker.start()
    try:
        wait_for(lambda: len(brevo.mails) >= len(orders), "every mail at the provider")
    finally:
        coordinator.stop()
        worker.join()
    told_again(orders[0])
    assert (len(brevo.mails), set(brevo.per_key().values())) == (len(orders), {1})


def test_what_sendinblue_says_of_its_limit_is_kept_to(brevo: BrevoTwin) -> None:
    brevo.turn(rate_per_second=50)
    mail().send()
    assert pace().per_second == pytest.approx(0.97 * 50)


def test_a_refusal_says_the_limit_too(brevo: BrevoTwin) -> None:
    brevo.turn(rate_per_second=50)
    brevo.faults.set("brevo.send_mail", {"fault": "rate_limited", "reset": 1})
    mail().send(fail_silently=True)
    assert pace().per_second == pytest.approx(0.97 * 1000)


@pytest.mark.parametrize("told", ["", "many", "0", "-5", "1e9", "\u0665\u0660"])
def test_what_is_no_limit_is_not_heard(brevo: BrevoTwin, told: str) -> None:
    mail().send()
    before = pace().per_second
    sendinblue_wire._hear_limit(sendinblue_wire._circuit("send_transac_email"), {"x-sib-ratelimit-limit": told})
    assert pace().per_second == before


class Name(str):
    """A name during whose comparison another thread first calls a webhook that it did not know before."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        thread = threading.Thread(target=Circuit, args=["webhook"])
        thread.start()
        thread.join()
        return str.__eq__(self, other)


def test_a_webhook_that_is_met_while_sendinblue_comes_back_fails_no_mail() -> None:
    door = Circuit(Name("Sendinblue"))
    for _failure in range(FAILURES_IN_A_ROW):
        door.failed()
    came_back()
    door.succeeded()
    assert ([str(name) for name in came_back()], door.is_open) == (["Sendinblue"], False)


def test_a_call_is_given_its_moment_when_it_can_leave_at_once(brevo: BrevoTwin) -> None:
    # Loading the SDK takes up to a second: whoever was given a moment before that leaves late, together with all who waited for it.
    for _failure in range(FAILURES_IN_A_ROW):
        sendinblue_wire._circuit("send_transac_email").failed()
    mail().send(fail_silently=True)
    assert (len(brevo.mails), len(sendinblue_wire._clients)) == (0, 1)
