"""What every twin has: a port, faults, a log, dials, a control interface. The providers' behaviour is in the subclasses."""

import asyncio
import ssl
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import asdict, fields
from typing import Any, Self

from tests.twins.control import CONTROL_PATH, Control
from tests.twins.faults import Fault, Faults
from tests.twins.http import Reply, Request, Response, json_response
from tests.twins.log import Entry, RequestLog
from tests.twins.routes import Refusal, Route, Router
from tests.twins.server import Counts, Server
from tests.twins.webhooks import WebhookSender

CUT_OFF = {"malformed": b'{"id": <not json>', "empty_200": b""}
GATEWAY_PAGE = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n"
)


class DialError(ValueError):
    """No such dial."""


class Twin(ABC):
    """One provider on one loopback port. Usable as a context manager; `reset()` between tests is cheaper than a restart."""

    dials: Any

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None, seed: int = 0, idle_seconds: float | None = None) -> None:
        self._seed = seed
        self._generation = 0
        self._scheme = "https" if tls else "http"
        self.lock = threading.RLock()  # the provider's state: held while a request is worked on, and by whoever looks from outside
        self.faults = Faults(seed)
        self.log = RequestLog()
        self.server = Server(self._answer, port=port, tls=tls, idle_seconds=idle_seconds)
        self.webhooks = WebhookSender(seed)
        self._router = Router(self.routes())
        self._control = Control(self)

    # What a provider says of itself.

    @abstractmethod
    def routes(self) -> list[Route[Any]]: ...

    @abstractmethod
    def error(self, fault: Fault) -> Response:
        """The answer to a fault with a status, in the provider's error shape."""

    @abstractmethod
    def not_found(self, request: Request, methods: list[str]) -> Response:
        """The answer to an unknown path, or to a known one with the wrong method (then `methods` is not empty)."""

    def finish(self, request: Request, response: Response) -> Response:
        """Every answer of the provider passes here once more (headers)."""
        return response

    @abstractmethod
    def forget(self) -> None:
        """Back to an empty account and default dials."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """Figures for `/_twin/state`."""

    def actions(self) -> dict[str, Any]:
        """Name -> function with keyword arguments, for `POST /_twin/do/<name>`; what a third party does at the provider."""
        return {}

    def collections(self) -> dict[str, Any]:
        """Name -> function giving a list, for `GET /_twin/<name>`."""
        return {}

    # Life.

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def host(self) -> str:
        """As the vonage package wants it: "localhost:PORT"."""
        return f"localhost:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self._scheme}://{self.host}"

    def start(self) -> Self:
        self.server.start()
        self.webhooks.start()
        return self

    def stop(self) -> None:
        self.server.stop()
        self.webhooks.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *args: object) -> None:
        self.stop()

    def reset(self) -> None:
        """State, faults, dials, log and counts back to the beginning; connections stay open."""
        with self.lock:
            self._generation += 1
            self.faults.clear()
            self.faults.seed(self._seed)
            self.webhooks.reset()
            self.log.clear()
            self.forget()
            self.server.counts = Counts(open_connections=self.server.counts.open_connections)

    def turn(self, **dials: Any) -> None:
        """Sets dials by name. Raises DialError for one that does not exist."""
        for name, value in dials.items():
            if name in {item.name for item in fields(self.dials)}:
                setattr(self.dials, name, value)
            elif not self.webhooks.turn(name, value):
                raise DialError(f"no dial is called {name!r}")

    def state(self) -> dict[str, Any]:
        with self.lock:
            return {
                "counts": asdict(self.server.counts),
                "requests": self.log.counts(),
                "dials": {**asdict(self.dials), **asdict(self.webhooks.dials)},
                "faults": self.faults.as_json(),
                "webhooks": self.webhooks.summary(),
                **self.summary(),
            }

    # One request.

    async def _answer(self, request: Request) -> Reply:
        if request.path.startswith(CONTROL_PATH):
            return Reply(self._control.answer(request))
        # Before the log has it: whoever saw it there may reset at any moment from then on.
        began, generation = time.perf_counter(), self._generation
        route = self._router.find(request)
        operation = route.operation if route else "unknown"
        entry = self.log.add(request, operation)
        plan = self.faults.plan(operation=operation, line=f"{request.method} {request.path}", body=request.body)
        if plan.delay_seconds:
            await asyncio.sleep(plan.delay_seconds)
        if generation != self._generation:
            return Reply(manner="close")  # asked before a reset: nothing of it may be done in the new account
        reply = self._act(request, route, fault=plan.fault, entry=entry)
        entry.milliseconds = round((time.perf_counter() - began) * 1000, 2)
        return reply

    def _act(self, request: Request, route: Route[Any] | None, *, fault: Fault | None, entry: Entry) -> Reply:
        reply = Reply(manner=fault.manner if fault else "answer")
        if fault is None or fault.does_work:
            reply = self._work(request, route, reply)
            entry.worked = reply.response is not None and reply.response.status < 400
        if fault is not None:
            entry.fault = fault.fault
            if fault.fault == "late_work":
                self.server.loop.call_later(fault.ms / 1000, self._work_late, request, route, self._generation)
            reply.response = self._spoil(fault, reply.response)
        if reply.response is not None and reply.manner in ("answer", "last", "cut"):
            entry.status = reply.response.status
            entry.answer = reply.response.body[:2000].decode("utf-8", "replace")
        return reply

    def _work_late(self, request: Request, route: Route[Any] | None, generation: int) -> None:
        if generation == self._generation:
            self._work(request, route, Reply())

    def _work(self, request: Request, route: Route[Any] | None, reply: Reply) -> Reply:
        with self.lock:
            try:
                reply.response = self._handle(request, route)
            except Refusal as refusal:
                reply.response = refusal.response
            reply.response = self.finish(request, reply.response)
        return reply

    def _handle(self, request: Request, route: Route[Any] | None) -> Response:
        if route is None:
            return self.not_found(request, self._router.methods(request.path))
        return route.handler(self, request)

    def _spoil(self, fault: Fault, response: Response | None) -> Response | None:
        if fault.fault in ("status", "rate_limited"):
            return self.error(fault) if fault.body is None else Response(fault.status, fault.body.encode(), dict(fault.headers))
        if fault.fault == "html_502":
            return Response(502, GATEWAY_PAGE, {"content-type": "text/html"})
        if response is None:
            return None if fault.manner in ("close", "reset", "hang") else json_response(200, {})
        if fault.fault in CUT_OFF:
            return Response(200 if fault.fault == "empty_200" else response.status, CUT_OFF[fault.fault], response.headers)
        if fault.fault == "cut_json":
            return Response(response.status, response.body[: len(response.body) // 2], response.headers)
        return response
