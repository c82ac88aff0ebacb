"""Asks the running product thousands of things that schemathesis makes up from its OpenAPI document, as each kind of caller.

    python -m tests.fuzz            (`make fuzz`; FUZZ_EXAMPLES=100 each operation asks for more)

Fails on any 5xx, on any answer that the document does not name (status, content type, shape), and below 5,000 requests in all.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.services import free_port

ROOT = Path(__file__).resolve().parent.parent
LEAST_REQUESTS = 5_000
# How long the product may take to start, to hand out its document, and to answer, on a machine that does other things too.
PATIENCE_SECONDS = 60
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,"
    "unsupported_method,ignored_auth"
)
PREPARE = """
import json
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import AGENTS_GROUP, ApiKey, User
from chat import conversations
from orders.placing import place_sample

def key(user, *scopes):
    return ApiKey.objects.create_key(user=user, name="fuzz", scopes=list(scopes))[1]

shop = User.objects.create_superuser("shop")
agent = User.objects.create_user("agent", "agent@example.com", "a long password")
agent.groups.add(Group.objects.get(name=AGENTS_GROUP))
clerk = User.objects.create_superuser("clerk", "clerk@example.com", "a long password")
alice = User.objects.create_user("alice", "alice@example.com", name="Alice")
nobody = User.objects.create_user("nobody")
order = place_sample(alice, created_by=shop)
conversation = conversations.open_for(alice)
session = SessionStore()
session.update({"_auth_user_id": str(clerk.pk), "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
                "_auth_user_hash": clerk.get_session_auth_hash()})
session.save()
every = ["orders:read", "orders:write", "chat"]
print(json.dumps({"shop": key(shop, *every), "till": key(shop, "orders:read"), "agent": key(agent, "chat"), "nothing": key(nobody, *every),
                  "session": session.session_key, "conversation": conversation.public_id, "order": order.number}))
"""


@dataclass(frozen=True)
class Caller:
    """A role, and the headers that make it."""

    name: str
    headers: dict[str, str]


@contextmanager
def product(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The product on a database of its own: its address, and what PREPARE made."""
    others = {name: value for name, value in os.environ.items() if not re.match(r"(NEXMO|VONAGE|SENDINBLUE|BREVO|DJANGO)_", name)}
    ours = {"ENV_FILE": os.devnull, "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "LOG_LEVEL": "ERROR"}
    environment = others | ours | {"SECRET_KEY": "k" * 50, "API_REQUESTS_PER_MINUTE": "0"}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True)
    made = subprocess.run([*manage, "shell", "--verbosity=0", "-c", PREPARE], cwd=ROOT, env=environment, check=True, capture_output=True)
    # Asked for last: others may take a port that nobody listens on yet.
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*manage, "serve"], cwd=ROOT, env=environment | {"PORT": str(port)}, stdout=log, stderr=log)
    try:
        url = f"http://localhost:{port}"
        _wait_for(url)
        yield url, json.loads(made.stdout.splitlines()[-1])
    finally:
        process.terminate()
        process.wait(60)


def callers(url: str, made: dict[str, str]) -> list[Caller]:
    """Everybody who may knock."""
    page = requests.get(f"{url}/login/", timeout=10)
    csrf = next(value for name, value in page.cookies.items() if "csrf" in name)
    cookies = f"ordersupport_session={made['session']}; ordersupport_csrf={csrf}"
    keys = [Caller(name, {"Authorization": f"Token {made[name]}"}) for name in ("shop", "till", "agent", "nothing")]
    return [*keys, Caller("clerk", {"Cookie": cookies, "X-CSRFToken": csrf}), Caller("stranger", {})]


def ask(url: str, caller: Caller, folder: Path, made: dict[str, str], *, examples: int) -> tuple[int, str]:
    """Let schemathesis ask as this caller: the number of requests, and its report where something is wrong."""
    configuration = folder / "schemathesis.toml"
    parameters = {"path.conversation_id": made["conversation"], "path.username": "alice"}
    configuration.write_text("[parameters]\n" + "".join(f'"{name}" = "{value}"\n' for name, value in parameters.items()))
    report, document = folder / f"{caller.name}.json", folder / f"{caller.name}.yaml"
    document.write_bytes(_document(url, caller))
    checks = CHECKS if caller.name == "shop" else CHECKS.removesuffix(",ignored_auth")
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(configuration), "run", str(document)]
    command += ["--url", url, "--checks", checks, "--phases", "examples,coverage,fuzzing", "--max-examples", str(examples)]
    command += ["--seed", "1", "--continue-on-failure", "--workers", "1", "--report-json-path", str(report), "--warnings", "off"]
    command += ["--request-timeout", str(PATIENCE_SECONDS)]
    command += [part for name, value in caller.headers.items() for part in ("--header", f"{name}: {value}")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+) generated", done.stdout)
    return int(found[1]) if found else 0, "" if done.returncode == 0 else done.stdout + done.stderr


def _document(url: str, caller: Caller) -> bytes:
    """The OpenAPI document as the caller gets it.

    Not fetched by schemathesis, which gives up after ten seconds, whatever else the machine does, and then has asked nothing.
    """
    answer = requests.get(f"{url}/api/schema/", headers=caller.headers, timeout=PATIENCE_SECONDS)
    answer.raise_for_status()
    return answer.content


def main() -> int:
    """Ask as everybody, and say what came of it."""
    examples, total, failed = int(os.environ.get("FUZZ_EXAMPLES", "10")), 0, False
    with tempfile.TemporaryDirectory(prefix="ordersupport-") as name, product(Path(name)) as (url, made):
        for caller in callers(url, made):
            began = time.monotonic()
            count, wrong = ask(url, caller, Path(name), made, examples=examples)
            total, failed = total + count, failed or bool(wrong)
            print(
                f"{caller.name:<9} {count:>6} requests in {time.monotonic() - began:.0f} s: {'WRONG' if wrong else 'as documented'}",
                flush=True,
            )
            print(wrong, end="", flush=True)
    print(f"{total} requests; at least {LEAST_REQUESTS} are wanted")
    return int(failed or total < LEAST_REQUESTS)


def _wait_for(url: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            if requests.get(f"{url}/healthz", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError("the product did not start")


if __name__ == "__main__":
    sys.exit(main())
