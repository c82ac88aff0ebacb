"""The limit that our sockets' memory is measured against: uvicorn with nothing behind it, set as ours is.

python -m benchmarks.bare_socket PORT
"""

import sys
from typing import Any

import uvicorn


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Take every socket, say that it is live, and listen."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": '{"type": "live"}'})
    while (await receive())["type"] != "websocket.disconnect":
        pass


if __name__ == "__main__":
    options: dict[str, Any] = {"ws": "websockets-sansio", "ws_per_message_deflate": False, "log_level": "error", "lifespan": "off"}
    uvicorn.run(application, port=int(sys.argv[1]), **options)
