"""Finding the route of a path."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from lingjing.interfaces.ngsild.requests import Route
from lingjing.vocabulary import LingjingError


class _Node:
    """One segment of the paths: what may follow it, and what is found here."""

    __slots__ = ("literals", "names", "parameter", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.routes: dict[str, Route] = {}
        self.names: dict[str, tuple[str, ...]] = {}


class Router:
    """Routes by path and method.

    Args:
        routes: All of them; a method may stand only once at a path.

    Raises:
        ValueError: Two routes are the same.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        names = []
        for segment in route.pattern.strip("/").split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"{route.method} {route.pattern} stands twice")
        node.routes[route.method] = route
        node.names[route.method] = tuple(names)

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str], tuple[str, ...]]:
        """The route of a path below the base, its parameters, and the methods that exist there.

        The route is None where the path exists without this method; no methods mean no path.

        Raises:
            LingjingError: `ngsild.bad-encoding`.
        """
        node, values = self._root, list[str]()
        for segment in path.strip("/").split("/"):
            following = node.literals.get(segment)
            if following is None:
                following = node.parameter
                if following is None:
                    return None, {}, ()
                values.append(_decoded(segment) if "%" in segment else segment)
            node = following
        asked = "GET" if method == "HEAD" and "HEAD" not in node.routes else method
        route = node.routes.get(asked)
        if route is None and not values and path.endswith("/") and node.parameter is not None:
            # `/entities/` with a method that needs an id: the id is there, and empty.
            route = node.parameter.routes.get(asked)
            if route is not None:
                return route, {node.parameter.names[asked][0]: ""}, ()
        if route is None:
            return None, {}, allowed(node.routes)
        return route, dict(zip(node.names[asked], values, strict=True)), ()


def allowed(routes: dict[str, Route]) -> tuple[str, ...]:
    """Methods of a path for the Allow header; empty where the path is only a part of others."""
    if not routes:
        return ()
    implied = {"OPTIONS", "HEAD"} if "GET" in routes else {"OPTIONS"}
    return tuple(sorted(implied | routes.keys()))


def _decoded(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise LingjingError("ngsild.bad-encoding") from None
