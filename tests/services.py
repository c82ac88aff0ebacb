"""Private PostgreSQL and Redis servers on loopback, in a folder that goes away with them.

    python -m tests.services -- pytest -q          (`make test-scaled`)

runs a command with DATABASE_URL and REDIS_URL naming them. Nothing of the machine's own servers is touched.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_SECONDS = 120.0
# Below those that the system gives to a connection, or to whoever asks for any.
PORTS = range(20_000, 30_000)


class MissingError(Exception):
    """A server's program is not on this machine; the text says how to get it."""


class Postgres:
    """A PostgreSQL of our own: `url`, and `restart()` for tests that pull the plug."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "postgres"
        self.port = free_port()
        self.url = f"postgres://tester@127.0.0.1:{self.port}/ordersupport"
        self.programs = _postgres_programs()
        # PostgreSQL refuses to run as root.
        self.owner = "postgres" if os.geteuid() == 0 else None

    def start(self) -> None:
        """Make the cluster on first use, and start it."""
        if not (self.folder / "data").exists():
            self.folder.mkdir(mode=0o755)
            if self.owner:
                shutil.chown(self.folder, self.owner, self.owner)
            self._run("initdb", "--username=tester", "--auth=trust", "--encoding=UTF8", "--no-locale", "-D", str(self.folder / "data"))
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c max_connections=200"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"), "-o", options, "start")
        create = ["createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tester", "ordersupport"]
        subprocess.run([str(self.programs / create[0]), *create[1:]], check=False, capture_output=True)

    def stop(self, *, how: str = "fast") -> None:
        """End it; `how="immediate"` is a crash."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", how, "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command, user=self.owner, group=self.owner, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()[-500:]}")


class Redis:
    """A Redis of our own, which keeps nothing: `url`, `start()`, `stop()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        found = shutil.which("redis-server")
        if not found:
            raise MissingError("redis-server is not on this machine (Debian: apt-get install redis-server).")
        self.program = found
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([self.program, *options], cwd=self.folder, stdout=subprocess.DEVNULL)
        _wait_for_port(self.port)

    def stop(self) -> None:
        """Kill it, as a crash would."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


@contextlib.contextmanager
def private_services() -> Iterator[tuple[Postgres, Redis]]:
    """Both, running; gone afterwards with all that they held."""
    with tempfile.TemporaryDirectory(prefix="ordersupport-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres, redis = Postgres(folder), Redis(folder)
        postgres.start()
        redis.start()
        try:
            yield postgres, redis
        finally:
            redis.stop()
            postgres.stop(how="immediate")


def free_port() -> int:
    """A port that nobody listens on now, and that the system gives to nobody by itself before it is used."""
    while True:
        # Not `random`, which begins anew with each test.
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _postgres_programs() -> Path:
    """The folder of initdb and pg_ctl: the newest of Debian's, or wherever PATH finds them."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if debian:
        return debian[-1]
    found = shutil.which("initdb")
    if not found:
        raise MissingError("PostgreSQL is not on this machine (Debian: apt-get install postgresql).")
    return Path(found).parent


def _wait_for_port(port: int) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")


def main() -> int:
    """Run the command after `--` with both servers."""
    command = sys.argv[sys.argv.index("--") + 1 :]
    try:
        with private_services() as (postgres, redis):
            return subprocess.run(command, env=os.environ | {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}, check=False).returncode
    except MissingError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
