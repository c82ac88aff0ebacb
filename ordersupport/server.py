"""One process that serves pages, API and sockets and works on the outbox."""

import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import CommandError
from prometheus_client import start_http_server

from chat.coordinator import Coordinator
from chat.tail import Tail
from ordersupport import schema
from ordersupport.limits import ImpatientProtocol
from ordersupport.sockets import Sockets

if TYPE_CHECKING:
    from chat.bus import Bus

logger = logging.getLogger(__name__)

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
PORTS_TRIED = 20
LAST_PORT = 65535
# Every statement gives Python's one lock away and wants it back; by default the event loop may keep it for 5 ms each time.
SWITCH_SECONDS = 0.0005
_buses: list["Bus"] = []


def bind(host: str, port: int, *, search: bool) -> socket.socket:
    """A listening socket on `port`, or with `search` on the next free one. Raises CommandError with the way out."""
    if not 0 <= port <= LAST_PORT:
        raise CommandError(f"{port} is no port. Set PORT to a number from 1 to {LAST_PORT}.")
    for candidate in range(port, min(port + (PORTS_TRIED if search else 1), LAST_PORT + 1)):
        listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, candidate))
            listening.listen(2048)
        except OSError as error:
            listening.close()
            reason = error.strerror
            continue
        return listening
    raise CommandError(f"Port {port} of {host} can't be used ({reason}). Set PORT to a free one.")


def follow_port(port: int) -> None:
    """Make links name the port that was found free, where PUBLIC_URL does not say otherwise."""
    if not settings.PUBLIC_URL_IS_SET:
        settings.PUBLIC_URL = f"http://localhost:{port}"
        settings.CSRF_TRUSTED_ORIGINS = [settings.PUBLIC_URL]


def prepare() -> None:
    """Bring the database up to date and lay the static files out, before the first request."""
    if not schema.is_current():
        call_command("migrate", verbosity=0, interactive=False)
    if _static_files_are_old():
        call_command("collectstatic", verbosity=0, interactive=False, clear=True)


def _static_files_are_old() -> bool:
    """Whether a source is newer than the laid-out set; laying out takes seconds, asking takes a few hundredths."""
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if not manifest.exists():
        return True
    made = manifest.stat().st_mtime
    sources = [storage.path(name) for finder in get_finders() for name, storage in finder.list([])]
    return any(Path(source).stat().st_mtime > made for source in sources)


def serve(listening: socket.socket, *, with_worker: bool) -> None:
    """Serve on the socket until SIGINT or SIGTERM; then end the worker's row in hand and return."""
    # Imported here and not above: Channels' consumers load models, which a command may only do once it runs.
    from ordersupport.asgi import application  # noqa: PLC0415

    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=ImpatientProtocol,
        forwarded_allow_ips=settings.TRUSTED_PROXIES,
        ws=Sockets,
        ws_per_message_deflate=False,
        ws_max_size=128_000,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    server = uvicorn.Server(config)
    sys.setswitchinterval(SWITCH_SECONDS)
    coordinator = Coordinator() if with_worker else None
    worker = threading.Thread(target=coordinator.run, name="coordinator") if coordinator else None
    with connected() as bus:
        tail = Tail(has_bus=lambda: bus is not None and bus.is_up)
        tail.start()
        if worker:
            worker.start()
        # After its shutdown uvicorn raises the signal again, which would end the process before the worker's rows are given back.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_ignored: None)
        try:
            server.run(sockets=[listening])
        finally:
            if coordinator and worker:
                coordinator.stop()
                worker.join()
            tail.stop()


@contextmanager
def connected() -> Iterator["Bus | None"]:
    """The bus to the other processes, where REDIS_URL names one."""
    bus = _bus(settings.REDIS_URL) if settings.REDIS_URL else None
    if bus:
        _buses.append(bus)
        bus.start()
    try:
        yield bus
    finally:
        if bus:
            _buses.remove(bus)
            bus.stop()


def _bus(url: str) -> "Bus":
    # Whoever has no Redis does not wait for its package at each start.
    from chat.bus import Bus  # noqa: PLC0415

    return Bus(url)


def bus_is_up() -> bool:
    """Whether this process hears the others' hints."""
    return any(bus.is_up for bus in _buses)


def work(*, metrics_port: int = 0) -> None:
    """Work on the outbox alone until SIGINT or SIGTERM; a `metrics_port` answers Prometheus on loopback."""
    coordinator = Coordinator()

    def stop(number: int, frame: FrameType | None) -> None:
        coordinator.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    logger.info("worker started with %d threads", settings.OUTBOX_THREADS)
    if metrics_port:
        start_http_server(metrics_port, addr="127.0.0.1")
    with connected():
        coordinator.run()
    logger.info("worker ended")
