"""One process that serves pages, API and sockets and works on the outbox."""

import errno
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn
from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from chat.coordinator import Coordinator
from chat.tail import Tail
from ordersupport.limits import ImpatientProtocol
from ordersupport.sockets import Sockets

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from chat.bus import Bus

logger = logging.getLogger(__name__)

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
            if search:
                _leave_to_others(host, candidate)
            listening.bind((host, candidate))
            listening.listen(2048)
        except OSError as error:
            listening.close()
            reason = error.strerror
            continue
        return listening
    raise CommandError(f"Port {port} of {host} can't be used ({reason}). Set PORT to a free one.")


def _leave_to_others(host: str, port: int) -> None:
    """Raise OSError where somebody else listens on the other loopback: browsers try [::1] first when they go to localhost."""
    if host != "127.0.0.1" or not socket.has_ipv6:
        return
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("::1", port))
        except OSError as error:
            # Anything else: this machine has no such address.
            if error.errno == errno.EADDRINUSE:
                raise


def follow_port(port: int) -> None:
    """Make links name the port that was found free, where PUBLIC_URL does not say otherwise."""
    if not settings.PUBLIC_URL_IS_SET:
        settings.PUBLIC_URL = f"http://localhost:{port}"
        settings.CSRF_TRUSTED_ORIGINS = [settings.PUBLIC_URL]


def serve(listening: socket.socket, *, with_worker: bool) -> None:
    """Serve on the socket until SIGINT or SIGTERM; then end the worker's row in hand and return.

    Raises CommandError where the worker ended by itself: pages alone would take orders of which nobody is told.
    """
    server = uvicorn.Server(_config())
    sys.setswitchinterval(SWITCH_SECONDS)
    worker = _Worker(server) if with_worker else None

    def stop(number: int, frame: FrameType | None) -> None:
        server.should_exit = True

    # From here on Ctrl-C ends what was begun, also in the moments before uvicorn listens for it. After its shutdown uvicorn raises the
    # signal again, which would otherwise end the process before the worker's rows are given back.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with connected() as bus:
        tail = Tail(has_bus=lambda: bus is not None and bus.is_up)
        tail.start()
        if worker:
            worker.start()
        try:
            server.run(sockets=[listening])
        finally:
            if worker:
                worker.end()
            tail.stop()
    if worker and worker.has_failed:
        raise CommandError("The worker ended by a fault of ours, which the log shows. Start this again.")


class _Worker(threading.Thread):
    """The coordinator beside the pages. Where it ends unasked the server ends too."""

    def __init__(self, beside: uvicorn.Server) -> None:
        super().__init__(name="coordinator")
        self.has_failed = False
        self._coordinator, self._beside = Coordinator(), beside

    def run(self) -> None:
        """Work until `end`."""
        try:
            self._coordinator.run()
        except BaseException:
            self.has_failed = True
            logger.exception("the worker met a fault of ours; the whole process ends")
        finally:
            self._beside.should_exit = True

    def end(self) -> None:
        """Let it finish what is under way, and wait for that."""
        self._coordinator.stop()
        self.join()


def _config() -> uvicorn.Config:
    # Imported here and not above: Channels' consumers load models, which a command may only do once it runs.
    from ordersupport.asgi import application  # noqa: PLC0415

    return uvicorn.Config(
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
        serve_metrics(metrics_port)
    with connected():
        coordinator.run()
    logger.info("worker ended")


class _Quiet(WSGIRequestHandler):
    """Every few seconds one line that says nothing is no log."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def serve_metrics(port: int) -> WSGIServer:
    """Answer Prometheus on this loopback port from a thread that ends with the process."""
    answer = make_wsgi_app()

    def numbers(environment: "WSGIEnvironment", start: "StartResponse") -> list[bytes]:
        # Each request has a thread of its own here, and so a connection of its own; the pool has it back only where it is closed.
        try:
            return list(answer(environment, start))
        finally:
            connection.close()

    served = make_server("127.0.0.1", port, numbers, ThreadingWSGIServer, _Quiet)
    threading.Thread(target=served.serve_forever, name="metrics", daemon=True).start()
    return served
