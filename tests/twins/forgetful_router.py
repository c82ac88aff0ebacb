"""A router on the way to a provider that forgets quiet connections, as firewalls and load balancers do: neither side is told, and whoever
speaks next on such a connection is answered by a reset.
"""

import selectors
import socket
import struct
import threading
from contextlib import suppress

RESET = struct.pack("ii", 1, 0)  # SO_LINGER for no time: the end is an RST


class ForgetfulRouter:
    """Passes everything on to a port of loopback. `host`: where a client reaches it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._forgotten: set[socket.socket] = set()
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"localhost:{self._listening.getsockname()[1]}"

    def __enter__(self) -> "ForgetfulRouter":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Forget every connection that there is."""
        self._forgotten.update(self._open)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listening.accept()
                provider = socket.create_connection(("127.0.0.1", self._port))
                self._open += [client, provider]
                threading.Thread(target=self._pass_on, args=[client, provider], daemon=True).start()

    def _pass_on(self, client: socket.socket, provider: socket.socket) -> None:
        with client, provider, selectors.DefaultSelector() as either, suppress(OSError):
            either.register(client, selectors.EVENT_READ, provider)
            either.register(provider, selectors.EVENT_READ, client)
            while True:
                for key, _events in either.select():
                    said = key.fileobj.recv(65536)  # type: ignore[union-attr]  # both are sockets
                    if key.fileobj in self._forgotten:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                        return
                    if not said:
                        return
                    key.data.sendall(said)
