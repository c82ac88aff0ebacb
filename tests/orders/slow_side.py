"""Receivers that never come to an end: each connection gets a few bytes again and again, or none at all."""

import socket
import threading
from contextlib import suppress

# How a receiver goes on: what it says first, and then each so often.
DRIP = (b"HTTP/1.1 200 OK\r\nX-A: ", b"a")
CONTINUES = (b"", b"HTTP/1.1 100 Continue\r\n\r\n")
SILENT = (b"", b"")


class SlowReceiver:
    """A server on loopback whose answers last until it is closed. `met`: the connections so far."""

    def __init__(self, manner: tuple[bytes, bytes] = DRIP, *, each_seconds: float = 0.05) -> None:
        self.first, self.more = manner
        self.each_seconds = each_seconds
        self.met: list[socket.socket] = []
        self.closing = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks"

    def __enter__(self) -> "SlowReceiver":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.closing.set()
        # A thread that waits in accept() is not woken by the end of its socket.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self.listening.close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            with suppress(OSError):
                connection, _address = self.listening.accept()
                self.met.append(connection)
                threading.Thread(target=self._speak, args=[connection], daemon=True).start()

    def _speak(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(self.first)
            while not self.closing.wait(self.each_seconds):
                connection.sendall(self.more)
