"""The control interface of a running twin, for those who are not in its process: chaos runs, benchmarks, the demo.

GET  /_twin/state                        figures, dials, faults, counts of connections
GET  /_twin/log?operation=&after=&limit=  the requests; DELETE forgets them
GET  /_twin/webhooks                     the attempted deliveries
GET  /_twin/faults                       PUT replaces, DELETE clears; see faults.py for the shape
GET  /_twin/dials                        PATCH {"name": value} sets some
POST /_twin/reset                        everything back to the beginning
POST /_twin/release                      held webhooks go, {"newest_first": true} turns their order
POST /_twin/do/<action>                  {keyword: value}: what a third party does (an agent writes, a mail bounces, a call ends)
GET  /_twin/<collection>                 what the provider holds (mails, events, phones ...)
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tests.twins.http import Request, Response, empty_response, json_response

if TYPE_CHECKING:
    from tests.twins.twin import Twin

CONTROL_PATH = "/_twin/"


class Control:
    def __init__(self, twin: "Twin") -> None:
        self._twin = twin

    def answer(self, request: Request) -> Response:
        """Never raises: a wrong request is a 400 with the reason."""
        name = request.path.removeprefix(CONTROL_PATH).strip("/")
        try:
            return self._find(name, request)
        except (ValueError, TypeError, LookupError) as error:
            return json_response(400, {"error": f"{type(error).__name__}: {error}"})

    def _find(self, name: str, request: Request) -> Response:
        if name.startswith("do/"):
            return self._do(name.removeprefix("do/"), request)
        known = {
            "state": self._state,
            "log": self._log,
            "webhooks": self._webhooks,
            "faults": self._faults,
            "dials": self._dials,
            "reset": self._reset,
            "release": self._release,
        }
        if name in known:
            return known[name](request)
        collections = self._twin.collections()
        if name not in collections:
            return json_response(404, {"error": f"nothing is called {name!r}", "known": [*known, *collections]})
        with self._twin.lock:
            return json_response(200, collections[name]())

    def _state(self, request: Request) -> Response:
        return json_response(200, self._twin.state())

    def _log(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._twin.log.clear()
            return empty_response(204)
        query = request.query
        entries = self._twin.log.as_json(query.get("operation", ""), after=int(query.get("after", 0)), limit=int(query.get("limit", 1000)))
        return json_response(200, entries)

    def _webhooks(self, request: Request) -> Response:
        return json_response(200, self._twin.webhooks.as_json())

    def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._twin.faults.clear()
        elif request.method in ("PUT", "POST"):
            rules = request.json() or {}
            if "seed" in request.query:
                self._twin.faults.seed(int(request.query["seed"]))
            self._twin.faults.load(rules)
        return json_response(200, self._twin.faults.as_json())

    def _dials(self, request: Request) -> Response:
        if request.method in ("PATCH", "PUT", "POST"):
            self._twin.turn(**request.json())
        return json_response(200, {**asdict(self._twin.dials), **asdict(self._twin.webhooks.dials)})

    def _reset(self, request: Request) -> Response:
        self._twin.reset()
        return empty_response(204)

    def _release(self, request: Request) -> Response:
        options: dict[str, Any] = request.json() or {}
        return json_response(200, {"released": self._twin.webhooks.release(**options)})

    def _do(self, action: str, request: Request) -> Response:
        actions = self._twin.actions()
        if action not in actions:
            return json_response(404, {"error": f"no action is called {action!r}", "known": sorted(actions)})
        with self._twin.lock:
            return json_response(200, actions[action](**(request.json() or {})))
