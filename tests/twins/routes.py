"""Method and path to a named operation."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tests.twins.http import Request, Response

T = TypeVar("T")
ANYWHERE = "*"


class Refusal(Exception):  # noqa: N818  it is an answer, not a failure of the twin
    """Raised anywhere below a route: the answer that the provider gives instead."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True)
class Route(Generic[T]):
    """`path` names its parts in braces: "/v1/users/{user}". A part never holds a slash. ANYWHERE is every path."""

    method: str
    path: str
    operation: str
    handler: Callable[[T, Request], Response]


class Router(Generic[T]):
    def __init__(self, routes: list[Route[T]]) -> None:
        self._routes = [(_pattern(route.path), route) for route in routes]

    def find(self, request: Request) -> Route[T] | None:
        """The route of this request, whose path parts are put into `request.parameters`."""
        for pattern, route in self._routes:
            if route.method == request.method and (match := pattern.fullmatch(request.path)):
                request.parameters = match.groupdict()
                return route
        return None

    def methods(self, path: str) -> list[str]:
        """What could be asked of this path; empty when there is no such path."""
        return [route.method for pattern, route in self._routes if route.path != ANYWHERE and pattern.fullmatch(path)]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(".*" if path == ANYWHERE else re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")
