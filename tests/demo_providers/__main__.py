"""`python -m tests.demo_providers`: both twins, our account at each set up by the product's own commands, and the demo on top.

Everything lives in a temporary folder and on loopback, and ends with Ctrl-C. Nothing of the caller's own providers is used: neither
exported credentials nor `.env` reach the demo, so it can never write to anybody.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.demo_providers.pages import Pages
from tests.twins import Twins

ROOT = Path(__file__).resolve().parent.parent.parent
OTHERS = re.compile(
    r"(NEXMO|VONAGE|SENDINBLUE|BREVO)_|(PUBLIC_URL|WEBHOOK_SECRET|DATABASE_URL|REDIS_URL|ALLOWED_HOSTS|DEBUG|CHAT_TRANSPORT)$"
    # Whom else to trust, and by whom to go.
    r"|(REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$|(HTTPS?|ALL)_PROXY$",
    re.IGNORECASE,
)
PORTS_TRIED = 20
PATIENCE_SECONDS = 60.0


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="order-support-") as folder, Twins(directory=Path(folder)) as twins:
            return _run(Path(folder), twins)
    except KeyboardInterrupt:
        return 0


def _run(folder: Path, twins: Twins) -> int:
    url = f"http://localhost:{_free_port(int(os.environ.get('PORT') or 3000))}"
    environment = _environment(folder, twins, url)
    for command in ("setup_vonage", "setup_sendinblue"):
        _say(f"$ python manage.py {command} --public-url {url}")
        ended = subprocess.run([sys.executable, "manage.py", command, "--public-url", url], cwd=ROOT, env=environment, check=False)
        if ended.returncode:
            return ended.returncode
    with _demo(environment) as process, Pages(twins) as pages:
        if _answers(url, process):
            _say(_where_to_look(twins, pages.url))
        return process.wait()


def _environment(folder: Path, twins: Twins, url: str) -> dict[str, str]:
    """A full set of credentials, in a `.env` of its own, and a process that knows of no other."""
    env_file = folder / ".env"
    env_file.touch(mode=0o600)
    env_file.write_text("".join(f"{name}={value}\n" for name, value in twins.environment().items()))
    ours = {"ENV_FILE": str(env_file), "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}", "PORT": url.rpartition(":")[2]}
    ours |= {"DEMO": "1", "DJANGO_SETTINGS_MODULE": "ordersupport.settings"}
    return {name: value for name, value in os.environ.items() if not OTHERS.match(name)} | ours


@contextlib.contextmanager
def _demo(environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """The running demo. In a session of its own, so that Ctrl-C reaches it once, through us, and it ends in good order."""
    process = subprocess.Popen([sys.executable, "manage.py", "demo"], cwd=ROOT, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()


def _answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    """Wait until the demo answers; False where it ended instead."""
    until = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(requests.RequestException), requests.get(f"{url}/healthz", timeout=5):
            return True
        time.sleep(0.1)
    return False


def _where_to_look(twins: Twins, pages: str) -> str:
    return f"""
The providers are twins on this machine; what they got is here:
  Mails           {pages}/mails            each opens as its reader sees it, with the link into the chat
  Conversations   {pages}/conversations    what is copied to Vonage
  Requests        {pages}/requests         every call of the two SDKs

The same and more as JSON (curl --cacert {twins.ca_file}):
  Vonage  {twins.vonage.origin}/_twin/state   /_twin/log   /_twin/events
  Brevo   {twins.brevo.origin}/_twin/state   /_twin/log   /_twin/mails
"""


def _free_port(first: int) -> int:
    """The first port from there on that nobody listens on; the providers must know it before the demo starts."""
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise SystemExit(f"No port from {first} on is free. Set PORT to one that is.")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
