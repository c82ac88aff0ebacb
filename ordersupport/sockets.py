"""uvicorn's side of a WebSocket, for many that are idle and some that are ill.

Whoever does not read costs a bounded amount: uvicorn stops taking frames from us at 64 kB that the system did not take from it, a
consumer then keeps a few events at most (`chat/consumers.py`), and here the connection is broken off when that lasts.
"""

import asyncio
import logging
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

logger = logging.getLogger(__name__)

STUCK_SECONDS = 20.0


class Sockets(WebSocketsSansIOProtocol):
    """As uvicorn's, but broken off where nobody reads, and without what only the handshake needed."""

    stuck_timer: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """The buffers are full."""
        super().pause_writing()
        self.stuck_timer = self.loop.call_later(STUCK_SECONDS, self.break_off)

    def resume_writing(self) -> None:
        """Somebody has read on."""
        self._stop_waiting()
        super().resume_writing()

    def keepalive_timeout(self) -> None:
        """No answer to a ping: uvicorn says good-bye, which is never sent where nobody reads."""
        super().keepalive_timeout()
        self.stuck_timer = self.stuck_timer or self.loop.call_later(self.close_timeout, self.break_off)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._stop_waiting()
        super().connection_lost(exc)

    def break_off(self) -> None:
        """End it without a word: there is no room for one. The browser sees the code 1006."""
        logger.warning("a socket that takes nothing is broken off")
        self.transport.abort()

    async def send(self, message: Any) -> None:
        """After the handshake its request, a copy of what the application was told, is no longer kept."""
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.request = self.response = cast(Any, None)

    def _stop_waiting(self) -> None:
        if self.stuck_timer:
            self.stuck_timer.cancel()
            self.stuck_timer = None
