"""A listening port with its own thread and event loop, which counts connections and handshakes.

Sockets are accepted here and not by `asyncio.start_server`, so that a TCP connection is counted before its TLS handshake and
the two can be compared: a client that reuses its connection shows one of each however many requests it sends.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
import threading
from dataclasses import dataclass

from tests.twins.http import Answer, Connection

HOST = "127.0.0.1"


@dataclass
class Counts:
    """Since the start or the last reset. `open_connections` is now."""

    connections: int = 0
    handshakes: int = 0
    open_connections: int = 0


class Server:
    """Serves `answer` on loopback. `port` 0 takes a free one. `idle_seconds` closes a connection that stays silent that long."""

    def __init__(self, answer: Answer, *, port: int = 0, tls: ssl.SSLContext | None = None, idle_seconds: float | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self._wanted_port = port
        self.idle_seconds = idle_seconds
        self.counts = Counts()
        self._numbers = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None

    @property
    def port(self) -> int:
        if self._listener is None:
            raise RuntimeError("the server is not started")
        return int(self._listener.getsockname()[1])

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the server is not started")
        return self._loop

    def start(self) -> None:
        self._listener = socket.create_server((HOST, self._wanted_port), backlog=1024)
        self._wanted_port = self.port  # a restart comes back on the same port
        self._listener.setblocking(False)
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name=f"twin-{self.port}", daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """Closes the port and every connection; returns when the thread has ended."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None

    def _run(self, ready: threading.Event) -> None:
        asyncio.run(self._main(ready))

    async def _main(self, ready: threading.Event) -> None:
        assert self._listener is not None
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # a reset on purpose is no news
        self._stop = asyncio.Event()
        self._loop.add_reader(self._listener, self._accept)
        ready.set()
        await self._stop.wait()
        self._loop.remove_reader(self._listener)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._listener.close()

    def _accept(self) -> None:
        """Takes every client that waits. Not awaited, so that none can be accepted and then lost to a cancellation."""
        assert self._listener is not None
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setblocking(False)
                self.counts.connections += 1
                self._numbers += 1
                task = asyncio.get_running_loop().create_task(self._serve(client, self._numbers))
                self._connections.add(task)
                task.add_done_callback(functools.partial(self._forget, client))

    def _forget(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        self._connections.discard(task)
        client.close()  # the task may have been cancelled before it began

    async def _serve(self, client: socket.socket, number: int) -> None:
        reader = asyncio.StreamReader(loop=self.loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self.loop)
        try:
            transport, _ = await self.loop.connect_accepted_socket(lambda: protocol, client, ssl=self._tls)
        except OSError:  # ssl.SSLError and timeouts are OSErrors
            return
        self._count_handshake(transport)
        self.counts.open_connections += 1
        writer = asyncio.StreamWriter(transport, protocol, reader, self.loop)
        try:
            await Connection(number, reader=reader, writer=writer, idle_seconds=self.idle_seconds).serve(self._answer)
        finally:
            self.counts.open_connections -= 1
            transport.abort()

    def _count_handshake(self, transport: asyncio.Transport) -> None:
        if transport.get_extra_info("ssl_object") is not None:
            self.counts.handshakes += 1
