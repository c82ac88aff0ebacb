"""`make demo-providers`: the original guide's story through public doors, with both providers' SDKs talking to the twins."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from ordersupport.demo import TALK
from tests.running import ROOT, end, press_over_http, wait_for

JSON = dict[str, Any]
CONFIRM = "custom:order-confirm-event"


@dataclass
class Demo:
    """The running command: the product, the twins, the pages, and the authority that the twins' certificates come from."""

    process: "subprocess.Popen[bytes]"
    url: str
    vonage: str
    brevo: str
    pages: str
    ca_file: str

    def twin(self, address: str) -> Any:
        """What a twin's control interface answers."""
        return requests.get(address, verify=self.ca_file, timeout=20).json()

    def mails(self, address: str) -> list[JSON]:
        return [mail for mail in self.twin(f"{self.brevo}/_twin/mails") if address in mail["to"]]

    def events(self, kind: str) -> list[JSON]:
        return [event for event in self.twin(f"{self.vonage}/_twin/events") if event["type"] == kind]

    def calls(self, *, after: dict[str, int]) -> dict[str, list[str]]:
        """The operations asked of each twin since then."""
        logs = {name: self.twin(f"{getattr(self, name)}/_twin/log?after={number}&limit=10000") for name, number in after.items()}
        return {name: [entry["operation"].partition(".")[2] for entry in entries] for name, entries in logs.items()}

    def is_done(self) -> bool:
        """Whether no row of the outbox waits."""
        rows = re.findall(r'^ordersupport_outbox_rows\{.*state="(?:due|waiting)".*\} (\S+)$', self.metrics(), re.MULTILINE)
        return sum(map(float, rows)) == 0 and bool(rows)

    def metrics(self) -> str:
        """What Prometheus reads."""
        return requests.get(f"{self.url}/metrics", timeout=20).text

    def now(self) -> dict[str, int]:
        """The number of the last request to each twin."""
        logs = {name: self.twin(f"{getattr(self, name)}/_twin/log?limit=100000") for name in ("vonage", "brevo")}
        return {name: entries[-1]["number"] for name, entries in logs.items()}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Started once, with somebody's own credentials in the environment, which it must leave alone; ended with Ctrl-C."""
    log = tmp_path_factory.mktemp("providers") / "demo.log"
    own = {"NEXMO_API_KEY": "real", "BREVO_API_KEY": "real", "SENDINBLUE_TO_EMAIL": "boss@example.com", "PORT": "3500"}
    with log.open("wb") as output:
        command = [sys.executable, "-m", "tests.demo_providers"]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | own, stdout=output, stderr=subprocess.STDOUT)
    try:
        introduced = wait_for(lambda: _introduced(process, log), "the demo's introduction")
        started = Demo(process, *introduced)
        wait_for(lambda: len(started.events("message")) == len(TALK), "the talk at Vonage's twin")
        yield started
    finally:
        end(process)


def _introduced(process: "subprocess.Popen[bytes]", log: Path) -> list[str] | None:
    said = log.read_text()
    assert process.poll() is None, f"it ended by itself:\n{said}"
    patterns = [r"runs at (\S+)/ ", r"Vonage  (\S+)/_twin", r"Brevo   (\S+)/_twin", r"Mails +(\S+)/mails", r"--cacert (\S+)\)"]
    found = [re.search(pattern, said) for pattern in patterns]
    return [match[1] for match in found if match] if all(found) else None


def own_environment() -> dict[str, str]:
    """This process's, without anybody's credentials or trust."""
    others = r"(NEXMO|VONAGE|SENDINBLUE|BREVO|DJANGO)_|(REQUESTS|CURL)_CA_BUNDLE$"
    return {name: value for name, value in os.environ.items() if not re.match(others, name)}


@dataclass
class Told:
    """An order of the guide, from the command line to its mail, and the calls that it took."""

    answer: JSON
    mail: JSON
    calls: dict[str, list[str]]


def order(demo: Demo, username: str, *, nth: int) -> Told:
    """`curl -d "username=…" -X POST …/order`, and its mail and its copy, once they are there."""
    # While anything else is on its way, such as the shop's day, nobody could say which calls an order takes.
    wait_for(lambda: demo.is_done(), "all that came before")
    before = demo.now()
    if nth == 1:
        requests.post(f"{demo.url}/user", data={"username": username}, timeout=20)
    answer = requests.post(f"{demo.url}/order", data={"username": username}, timeout=20).json()
    mails = wait_for(lambda: demo.mails(f"{username}@example.com")[nth - 1 :], "the mail")
    wait_for(lambda: _copies(demo, answer["order_id"]), "the order at Vonage's twin")
    return Told(answer, mails[0], demo.calls(after=before))


def _copies(demo: Demo, number: int) -> list[JSON]:
    return [event for event in demo.events(CONFIRM) if event["body"]["id"] == number]


@pytest.fixture(scope="module")
def first(demo: Demo) -> Told:
    """The guide's own order, by somebody who is new."""
    requests.post(f"{demo.url}/user", data={"username": "agent"}, timeout=20)
    return order(demo, "user-123", nth=1)


@pytest.fixture(scope="module")
def second(demo: Demo, first: Told) -> Told:
    """The same customer's next one."""
    return order(demo, "user-123", nth=2)


@pytest.fixture(scope="module")
def customer(first: Told) -> requests.Session:
    """The browser that pressed the button of the mail's link first, so that it is the customer's own."""
    browser = requests.Session()
    link = first.mail["params"]["url"]
    assert press_over_http(browser, link).status_code == 200
    return browser


def page_data(page: str) -> JSON:
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def chat(demo: Demo, browser: requests.Session, page: str) -> ClientConnection:
    """The page's socket, as a browser opens it."""
    data = page_data(page)
    address = demo.url.replace("http", "ws", 1) + f"{data['urls']['socket']}&after={data['conversation']['sequence']}"
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    return connect(address, origin=demo.url, additional_headers={"Cookie": cookies})  # type: ignore[arg-type]


def texts(socket: ClientConnection) -> Iterator[str]:
    """Each text as it comes."""
    while True:
        for event in json.loads(socket.recv(timeout=30)).get("events", []):
            if event["type"] == "message":
                yield event["body"]["text"]


def token(demo: Demo, browser: requests.Session, conversation_id: str) -> JSON:
    return dict(browser.get(f"{demo.url}/api/conversations/{conversation_id}/token/", timeout=20).json())


# The mail.


def test_the_customer_gets_one_mail(demo: Demo, first: Told, second: Told) -> None:
    numbers = [mail["params"]["order_id"] for mail in demo.mails("user-123@example.com")]
    assert numbers == [first.answer["order_id"], second.answer["order_id"]]


def test_the_mail_has_the_guides_params(first: Told) -> None:
    assert {"name", "order_id", "order_text", "url"} <= set(first.mail["params"])
    assert (first.mail["params"]["name"], first.mail["params"]["order_text"][:13]) == ("user-123", "You purchased")


def test_the_mail_is_made_from_the_template_that_the_set_up_made(first: Told) -> None:
    assert first.mail["template_id"] is not None
    assert f"Your order {first.answer['order_id']}" in first.mail["subject"]
    assert first.mail["params"]["order_text"] in first.mail["html"]


def test_staff_see_that_the_mail_was_opened(demo: Demo, first: Told) -> None:
    staff = requests.Session()
    page = staff.get(f"{demo.url}/login/?next=/admin/", timeout=20).text
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    form = {"username": "staff", "password": "staff", "next": "/admin/", "csrfmiddlewaretoken": found[1]}
    staff.post(f"{demo.url}/login/", data=form, timeout=20)
    opened = {"event": "opened", "message_id": first.mail["message_id"]}
    requests.post(f"{demo.brevo}/_twin/do/happen", json=opened, verify=demo.ca_file, timeout=20)
    address = f"{demo.url}/admin/orders/order/{first.answer['order_id']}/change/"
    wait_for(lambda: re.search(r"delivered [^·<]+ · opened", staff.get(address, timeout=20).text), "the opening in the order's journey")


# The copy at Vonage.


def test_vonage_holds_one_event_with_the_orders_id_and_text(demo: Demo, first: Told) -> None:
    [event] = _copies(demo, first.answer["order_id"])
    assert event["body"]["text"] == first.mail["params"]["order_text"]


def test_a_new_customer_takes_few_calls(first: Told) -> None:
    assert len(first.calls["vonage"]) <= 5
    assert first.calls["vonage"].count("create_event") == 1


def test_a_known_customer_takes_one_call(second: Told) -> None:
    assert second.calls["vonage"] == ["create_event"]


def test_each_order_takes_one_call_to_sendinblue(first: Told, second: Told) -> None:
    assert (first.calls["brevo"], second.calls["brevo"]) == (["send_mail"], ["send_mail"])


def test_the_shops_day_is_at_the_twins_too(demo: Demo) -> None:
    assert {"anna@example.com", "chen@example.com", "yuki@example.com"} <= {
        address for mail in demo.twin(f"{demo.brevo}/_twin/mails") for address in mail["to"]
    }


# The chat.


def test_what_is_said_in_the_chat_is_copied(demo: Demo, first: Told, customer: requests.Session) -> None:
    page = customer.get(first.mail["params"]["url"], timeout=20).text
    with chat(demo, customer, page) as socket:
        event = {"type": "message", "body": {"message_type": "text", "text": "Where is my widget?"}}
        socket.send(json.dumps({"type": "send", "client_key": "key-1", "event": event}))
        assert "Where is my widget?" in texts(socket)
    said = wait_for(lambda: [event for event in demo.events("message") if event["body"]["text"] == "Where is my widget?"], "the copy")
    assert len(said) == 1


def test_what_is_said_at_vonage_comes_into_the_chat(demo: Demo, first: Told, customer: requests.Session) -> None:
    page = customer.get(first.mail["params"]["url"], timeout=20).text
    at_vonage = token(demo, customer, first.answer["conversation_id"])
    with chat(demo, customer, page) as socket:
        words = {"conversation_id": at_vonage["conversation_id"], "user": at_vonage["user_name"], "text": "Said elsewhere."}
        requests.post(f"{demo.vonage}/_twin/do/say", json=words, verify=demo.ca_file, timeout=20)
        assert "Said elsewhere." in texts(socket)


def test_the_browsers_token_opens_its_own_conversation_only(demo: Demo, first: Told, customer: requests.Session) -> None:
    given = token(demo, customer, first.answer["conversation_id"])
    strangers = next(event["conversation_id"] for event in demo.events(CONFIRM) if event["conversation_id"] != given["conversation_id"])
    headers = {"Authorization": f"Bearer {given['token']}"}
    addresses = [f"{demo.vonage}/v1/conversations/{number}" for number in (given["conversation_id"], strangers)]
    answers = [requests.get(address, headers=headers, verify=demo.ca_file, timeout=20).status_code for address in addresses]
    assert answers == [200, 403]


def test_the_browsers_token_is_the_customers_for_an_hour(demo: Demo, first: Told, customer: requests.Session) -> None:
    given = token(demo, customer, first.answer["conversation_id"])
    claims = jwt.decode(given["token"], options={"verify_signature": False})
    assert (claims["sub"], claims["exp"] - claims["iat"]) == (given["user_name"], 3600)


# The command.


def test_the_mails_can_be_read_in_a_browser(demo: Demo, first: Told) -> None:
    page = requests.get(f"{demo.pages}/mails", timeout=20).text
    number = first.mail["number"]
    assert f'<a href="/mails/{number}" target="_blank">Your order {first.answer["order_id"]}</a>' in page
    assert first.mail["html"] == requests.get(f"{demo.pages}/mails/{number}", timeout=20).text


@pytest.mark.parametrize(("name", "shown"), [("conversations", CONFIRM), ("requests", "brevo.send_mail")])
def test_what_the_twins_got_can_be_read_in_a_browser(demo: Demo, first: Told, name: str, shown: str) -> None:
    assert shown in requests.get(f"{demo.pages}/{name}", timeout=20).text


def test_the_doctor_finds_nothing_wrong(demo: Demo) -> None:
    environment = own_environment() | {"ENV_FILE": str(Path(demo.ca_file).with_name(".env")), "NO_PROXY": "localhost"}
    command = [sys.executable, "manage.py", "doctor", "--live"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.count("  ok:    ")) == (0, 4), ended.stdout


def test_a_page_that_is_none_is_not_found(demo: Demo) -> None:
    assert [requests.get(f"{demo.pages}/{name}", timeout=20).status_code for name in ("else", "mails/9999")] == [404, 404]


def test_make_knows_it() -> None:
    planned = subprocess.run(["make", "--dry-run", "demo-providers"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "python -m tests.demo_providers" in planned


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "tests.demo_providers"]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PORT": "3530"}, stdout=output, stderr=subprocess.STDOUT)
    introduced = wait_for(lambda: _introduced(process, log), "the demo's introduction")
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 0
    assert [address for address in introduced[:4] if _is_open(address)] == []


def _is_open(address: str) -> bool:
    try:
        requests.get(address, verify=False, timeout=5)
    except requests.ConnectionError:
        return False
    return True
