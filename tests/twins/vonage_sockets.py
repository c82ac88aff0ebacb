"""The socket of the browser's Client SDK: GET /v2/rtc/, Socket.IO 5 on Engine.IO 4 on a WebSocket.

The WebSocket is the `websockets` library's protocol without I/O; the few packets of Engine.IO and Socket.IO are written here,
because python-socketio would need a server of its own and could not break a connection on purpose:
0 open, 2 ping, 3 pong, 40 connect, 42[event, payload] (42<id>[…] wants the acknowledgement 43<id>[…]).
There is no log-in message: the token is in the URL, and the server says `session:success` or why not.
"""

import asyncio
import contextlib
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as WebSocketRequest
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.twins import vonage_shapes as shapes
from tests.twins.http import Request, Response
from tests.twins.routes import Refusal, Route
from tests.twins.vonage_errors import refuse
from tests.twins.vonage_store import Conversation, Event, JsonObject, User

if TYPE_CHECKING:
    from tests.twins.vonage import VonageTwin

PING_MS, PING_TIMEOUT_MS = 25_000, 20_000
SOCKET_EVENT = re.compile(r"42(\d*)(\[.*)", re.DOTALL)
SESSIONS_PATH = "/v0.3/sessions/new"  # what a token's acl must allow for a session


@dataclass
class Session:
    """A user's session; it outlives its socket, so that a reconnection gets what was missed."""

    id: str
    user: User
    application_id: str
    socket: "Socket | None" = None
    missed: list[JsonObject] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    acknowledged: int = 0


class Socket:
    """One WebSocket. Everything but `emit_soon` runs in the server's event loop."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._protocol = ServerProtocol(max_size=2**20)
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._acknowledgements = 0

    def open(self, request: Request) -> bool:
        """Answers the handshake; False when it is none. The library wants to read the request itself, so it gets it once more."""
        lines = [f"GET {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
        self._protocol.receive_data("\r\n".join([*lines, "", ""]).encode("latin-1"))
        for wanted in self._protocol.events_received():
            if isinstance(wanted, WebSocketRequest):
                self._protocol.send_response(self._protocol.accept(wanted))
        self._flush()
        return self.is_open

    def receive(self, data: bytes) -> list[str]:
        """The text messages in these bytes; empty bytes are the end."""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._flush()
        frames = [event for event in self._protocol.events_received() if isinstance(event, Frame)]
        return [bytes(frame.data).decode() for frame in frames if frame.opcode is Opcode.TEXT]

    @property
    def is_open(self) -> bool:
        return self._protocol.state is State.OPEN

    def send(self, text: str) -> None:
        if self.is_open:
            self._protocol.send_text(text.encode())
            self._flush()

    def emit(self, name: str, payload: JsonObject) -> None:
        """Sends a Socket.IO event and asks for its acknowledgement."""
        self._acknowledgements += 1
        self.send(f"42{self._acknowledgements}{json.dumps([name, payload], ensure_ascii=False)}")

    def emit_soon(self, name: str, payload: JsonObject) -> None:
        """The same from any thread."""
        self._loop.call_soon_threadsafe(self.emit, name, payload)

    def drop_soon(self) -> None:
        """Breaks the connection, from any thread."""
        self._loop.call_soon_threadsafe(self._writer.transport.abort)

    def leave(self) -> None:
        """Ends the Socket.IO session ("io server disconnect") and the WebSocket."""
        self.send("41")
        if self.is_open:
            self._protocol.send_close(1000)
            self._flush()

    def leave_soon(self) -> None:
        self._loop.call_soon_threadsafe(self.leave)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data and not self._writer.is_closing():
                self._writer.write(data)


class Sockets:
    """All sessions of the twin."""

    def __init__(self, twin: "VonageTwin") -> None:
        self._twin = twin
        self.sessions: dict[str, Session] = {}

    def publish(self, application_id: str, conversation: Conversation, event: Event) -> None:
        """Tells every session whose user is a member. From any thread."""
        payload = socket_payload(conversation, event)
        present = {member.user.id for member in conversation.members.values() if member.state == "JOINED"}
        if event.sender is not None:
            present.add(event.sender.user.id)
        for session in self.sessions.values():
            if session.application_id == application_id and session.user.id in present:
                self._tell(session, event.type, payload)

    def _tell(self, session: Session, name: str, payload: JsonObject) -> None:
        if session.socket is None:
            session.missed.append({**payload, "type": name})
            return
        session.sent.append(name)
        session.socket.emit_soon(name, payload)

    def end(self, session_id: str) -> None:
        session = self.sessions.pop(session_id, None)
        if session is not None and session.socket is not None:
            session.socket.leave_soon()

    def fail(self, code: str) -> int:
        """Tells every session that it is over (system:error:expired-token ...); returns how many there were."""
        told = [session.socket for session in self.sessions.values() if session.socket is not None]
        for socket in told:
            socket.emit_soon(code, {"body": {}})
            socket.leave_soon()
        return len(told)

    def drop(self) -> int:
        """Breaks every socket without a word; the sessions stay for a reconnection."""
        told = [session.socket for session in self.sessions.values() if session.socket is not None]
        for socket in told:
            socket.drop_soon()
        return len(told)

    async def serve(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One socket from its handshake to its end."""
        socket = Socket(writer)
        if not socket.open(request):
            return
        handshake = {"sid": uuid.uuid4().hex, "upgrades": [], "pingInterval": PING_MS, "pingTimeout": PING_TIMEOUT_MS, "maxPayload": 10**6}
        socket.send(f"0{json.dumps(handshake)}")
        pinging = asyncio.create_task(_ping(socket))
        session: Session | None = None
        try:
            while socket.is_open:
                for message in socket.receive(await reader.read(65536)):
                    session = self._hear(socket, request, message, session)
        finally:
            pinging.cancel()
            if session is not None and session.socket is socket:
                session.socket = None

    def _hear(self, socket: Socket, request: Request, message: str, session: Session | None) -> Session | None:
        """Does what one packet asks; returns the socket's session."""
        if message.startswith("40"):
            socket.send(f"40{json.dumps({'sid': uuid.uuid4().hex})}")
            return self._log_in(socket, request)
        if message.startswith("43") and session is not None:
            session.acknowledged += 1
        elif match := SOCKET_EVENT.fullmatch(message):
            self._hear_event(socket, session, number=match[1], content=json.loads(match[2]))
        return session

    def _hear_event(self, socket: Socket, session: Session | None, *, number: str, content: list[Any]) -> None:
        if number:
            socket.send(f"43{number}[]")
        if content[0] == "session:logout" and session is not None:
            socket.emit("session:logged-out", {"body": {}})
            self.sessions.pop(session.id, None)
        elif content[0] == "session:update-token":
            socket.emit("session:update-token:success", {"body": {}})

    def _log_in(self, socket: Socket, request: Request) -> Session | None:
        with self._twin.lock:
            try:
                session = self._open_session(request)
            except Refusal as refusal:
                socket.emit(json.loads(refusal.response.body)["code"], {"body": {}})
                socket.leave()
                return None
            session.socket = socket
            body: JsonObject = {"id": session.id, "user_id": session.user.id, "name": session.user.name, "api_key": self._twin.api_key}
            missed, session.missed = session.missed, []
            socket.emit("session:success", {"body": {**body, **({"pending_events": missed} if missed else {})}})
            return session

    def _open_session(self, request: Request) -> Session:
        """The session that the URL's token and session_id ask for. Raises a Refusal."""
        twin = self._twin
        if twin.dials.session_error:
            refuse(twin.dials.session_error)
        caller = twin.tokens.verify(request.query.get("token", ""), refuse_wide=twin.dials.refuse_wide_tokens)
        user = twin.store_of(caller).user_named(caller.sub or "") or refuse("user:error:invalid-user", status=404)
        if not caller.may("POST", SESSIONS_PATH):
            refuse("system:error:permission")
        known = self.sessions.get(request.query.get("session_id", ""))
        if known is not None and known.user is user:
            return known
        session = Session(str(uuid.uuid4()), user, caller.application_id)
        self.sessions[session.id] = session
        return session


async def _ping(socket: Socket) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while socket.is_open:
            await asyncio.sleep(PING_MS / 1000)
            socket.send("2")


def socket_payload(conversation: Conversation, event: Event) -> JsonObject:
    """An event as the SDK hears it; its type is the Socket.IO event's name."""
    origin = {"from": event.sender.id, "_embedded": shapes.embedded_sender(event.sender)} if event.sender else {}
    return {"id": event.id, "cid": conversation.id, "timestamp": event.timestamp, "body": event.body, **origin}


def connect(twin: "VonageTwin", request: Request) -> Response:
    if request.headers.get("upgrade", "").lower() != "websocket":
        refuse("http:error:validation-fail", detail="Only the websocket transport is supported.")
    return Response(101, take_over=twin.sockets.serve)


ROUTES: list[Route["VonageTwin"]] = [Route("GET", "/v2/rtc", "vonage.sdk_socket", connect)]
