"""Secrets are where they belong and nowhere else: planted in the environment of a running product, and looked for everywhere."""

import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.running import ROOT, Product, running_demo, wait_for

pytestmark = pytest.mark.slow

NOBODY = "127.0.0.1:9"  # where nothing listens


def planted(name: str) -> str:
    """A secret that stands nowhere by chance."""
    return f"planted{name.replace('_', '').lower()}{secrets.token_hex(12)}"


NAMES = ("SECRET_KEY", "NEXMO_API_SECRET", "VONAGE_SIGNATURE_SECRET", "WEBHOOK_SECRET", "SENDINBLUE_API_KEY", "METRICS_TOKEN")
SECRETS = {name: planted(name) for name in NAMES} | {"REDIS": planted("REDIS"), "PASSWORD": planted("PASSWORD")}
ELSEWHERE = {"NEXMO_API_KEY": "abcd1234", "NEXMO_APPLICATION_ID": "00000000-0000-4000-8000-000000000001", "VONAGE_API_HOST": NOBODY}
OURS = ELSEWHERE | {
    "SENDINBLUE_API_URL": f"http://{NOBODY}/v3",
    "SENDINBLUE_FROM_EMAIL": "shop@example.com",
    "REDIS_URL": f"redis://:{SECRETS['REDIS']}@{NOBODY}/0",
    "LOG_LEVEL": "DEBUG",
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Everything that an operator keeps secret, with a key of Vonage's kind."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("key") / "private.key"
    file.write_bytes(pem)
    SECRETS["PEM"] = pem.decode().splitlines()[3]
    return {name: SECRETS[name] for name in NAMES} | OURS | {"NEXMO_APPLICATION_PRIVATE_KEY_PATH": str(file)}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Product]:
    """The product with all of that, and orders whose providers don't answer."""
    with running_demo(tmp_path_factory.mktemp("secrets"), PORT="3460", **environment) as started:
        requests.post(f"{started.url}/user", data={"username": "keeper", "email": "keeper@example.com"}, timeout=20)
        requests.post(f"{started.url}/order", data={"username": "keeper"}, timeout=20)
        wait_for(lambda: "unreachable" in started.log.read_text() or "attempt 1" in started.log.read_text(), "a first attempt")
        yield started


def found_in(text: str) -> list[str]:
    """The names of the secrets that stand in it."""
    return [name for name, secret in SECRETS.items() if secret in text]


@pytest.fixture(scope="module")
def staff(product: Product) -> requests.Session:
    """A clerk's browser."""
    session = requests.Session()
    page = session.get(f"{product.url}/login/", timeout=20).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    session.post(f"{product.url}/login/", {"username": "staff", "password": "staff", "csrfmiddlewaretoken": token[1]}, timeout=20)
    return session


def test_no_page_of_the_admin_holds_one(product: Product, staff: requests.Session) -> None:
    todo, seen, found = {"/admin/"}, set[str](), []
    while todo - seen:
        path = (todo - seen).pop()
        answer = staff.get(f"{product.url}{path}", timeout=20)
        seen.add(path)
        found += [(path, name) for name in found_in(answer.text)]
        links = set(re.findall(r'href="(/admin/[^"?#]*)"', answer.text)) | set(re.findall(r'href="(/admin/[^"?#]*)\?', answer.text))
        todo |= {link for link in links if "logout" not in link and not re.search(r"/r/|/static/", link)}
    assert (found, len(seen) > 25) == ([], True)


@pytest.mark.parametrize("path", ["/", "/login/", "/inbox/", "/api/schema/", "/api/docs/", "/healthz", "/readyz", "/metrics", "/nowhere"])
def test_no_page_holds_one(product: Product, staff: requests.Session, path: str) -> None:
    answer = staff.get(f"{product.url}{path}", timeout=20)
    assert found_in(answer.text + str(answer.headers)) == []


def test_no_refusal_repeats_what_was_sent(product: Product) -> None:
    secret, word = SECRETS["WEBHOOK_SECRET"], SECRETS["PASSWORD"]
    answers = [
        requests.post(f"{product.url}/webhooks/rtc/{secret}", data="no json", timeout=20),
        requests.post(f"{product.url}/webhooks/rtc", headers={"Authorization": f"Bearer {word}"}, timeout=20),
        requests.post(f"{product.url}/webhooks/sendinblue/{secret}", data="{", timeout=20),
        requests.post(f"{product.url}/webhooks/sendinblue", data="{", headers={"X-Webhook-Secret": secret}, timeout=20),
        requests.get(f"{product.url}/api/orders/", headers={"Authorization": f"Token {word}"}, timeout=20),
        requests.post(f"{product.url}/login/", {"username": "staff", "password": word}, timeout=20),
    ]
    assert [name for answer in answers for name in found_in(answer.text + str(answer.headers))] == []


def knock(product: Product) -> str:
    """Ask at addresses that hold secrets, as a provider, a customer and a stranger may; the log after that."""
    secret, word = SECRETS["WEBHOOK_SECRET"], SECRETS["PASSWORD"]
    hooks = [f"webhooks/{name}/{secret}{behind}" for name in ("rtc", "sendinblue") for behind in ("", "/")]
    for path in (*hooks, f"webhooks/nowhere/{secret}", f"chat/{word}/CON-1/1", f"{word}"):
        for method in ("GET", "POST", "DELETE"):
            requests.request(method, f"{product.url}/{path}", params={"key": word}, data={"password": word}, timeout=20)
    return wait_for(lambda: product.log.read_text() if "Not Found" in product.log.read_text() else None, "the refusals in the log")


def test_the_log_holds_none_even_where_it_says_everything(product: Product) -> None:
    assert found_in(knock(product)) == []


def test_the_log_as_json_holds_none_either(environment: dict[str, str], tmp_path: Path) -> None:
    with running_demo(tmp_path, **environment | {"PORT": "3850", "LOG_FORMAT": "json"}) as product:
        log = knock(product)
    assert (found_in(log), '"request": "GET /chat/<str:username>/' in log) == ([], True)


def test_the_list_of_processes_holds_none(product: Product) -> None:
    listed = subprocess.run(["ps", "-eo", "args", "-ww"], capture_output=True, text=True, check=True).stdout
    assert ("manage.py demo" in listed, found_in(listed)) == (True, [])


@pytest.mark.parametrize("command", [["check", "--deploy"], ["doctor"], ["doctor", "--live"]])
def test_no_command_prints_one(product: Product, environment: dict[str, str], command: list[str], tmp_path: Path) -> None:
    others = {"PATH": "/usr/bin:/bin", "ENV_FILE": "/dev/null", "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}"}
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=others | environment, capture_output=True, text=True, check=False
    )
    assert ("SECRET" in done.stdout + done.stderr or done.returncode == 0, found_in(done.stdout + done.stderr)) == (True, [])
