"""Calls that the server makes itself: only to allowed networks, and to checked addresses.

A name is resolved once and every address is checked before a connection is made to it, so a name
that changes its mind between the check and the call (DNS rebinding) leads nowhere. Redirects are
never followed, proxies of the environment never used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from lingjing.vocabulary import LingjingError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
# A wide network such as 0.0.0.0/0 does not open these; only a network inside them does. They hold
# the services that clouds answer secrets at, and addresses that mean "this machine" by accident.
_RESERVED: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::/128", "fe80::/10", "ff00::/8")
)


class RefusedAddressError(OSError):
    """An address that the policy does not allow was about to be connected to."""


class Networks:
    """Where outgoing calls may go: loopback, and what the configuration adds.

    Args:
        networks: CIDR blocks, such as `10.20.0.0/16`.
        own_ports: Ports on loopback that are this server's own; calls to them are refused, so
            that no subscription can make the server talk to itself.

    Raises:
        LingjingError: `ngsild.bad-network`.
    """

    def __init__(self, networks: Iterable[str] = (), own_ports: Iterable[int] = ()) -> None:
        allowed: list[Network] = list(LOOPBACK)
        for text in networks:
            try:
                allowed.append(ipaddress.ip_network(text.strip()))
            except ValueError:
                raise LingjingError("ngsild.bad-network", network=text[:100]) from None
        self._allowed = tuple(allowed)
        self.own_ports = frozenset(own_ports)

    def allows(self, address: str, port: int = 0) -> bool:
        """Whether a connection to this address (and port) may be made."""
        try:
            found: Address = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address):
            found = found.ipv4_mapped or found
        if found.is_loopback and port in self.own_ports:
            return False
        holders = [network for network in self._allowed if _holds(network, found)]
        reserved = [network for network in _RESERVED if _holds(network, found)]
        if not reserved:
            return bool(holders)
        return any(
            holder.prefixlen >= network.prefixlen for holder in holders for network in reserved
        )

    async def resolve(self, host: str, port: int) -> list[tuple[int, str]]:
        """Allowed addresses of a host, as (family, address), in the resolver's order.

        Raises:
            LingjingError: `ngsild.unreachable`, `ngsild.network-refused`.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except (OSError, UnicodeError) as error:
            raise LingjingError("ngsild.unreachable", host=host, detail=str(error)) from None
        addresses = [(int(family), str(place[0])) for family, _, _, _, place in found]
        allowed = [pair for pair in addresses if self.allows(pair[1], port)]
        if not allowed:
            shown = ", ".join(sorted({address for _, address in addresses})) or "—"
            raise LingjingError("ngsild.network-refused", host=host, addresses=shown)
        return allowed


def _holds(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


class Reply(msgspec.Struct, frozen=True):
    """What another server answered: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Outgoing:
    """A client for HTTP calls that keeps its connections. One event loop uses it.

    Args:
        networks: Where it may go.
        most_bytes: Largest answer that is read.
    """

    def __init__(self, networks: Networks, most_bytes: int = 4 * 1024 * 1024) -> None:
        self.networks = networks
        self._most_bytes = most_bytes
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_s: float = 5.0,
        most_bytes: int | None = None,
    ) -> Reply:
        """Make a call and read the answer; a redirect is an answer like any other.

        Args:
            timeout_s: For the whole call [s].
            most_bytes: Largest answer; the client's own bound where None.

        Raises:
            LingjingError: `ngsild.bad-address`, `ngsild.network-refused`, `ngsild.unreachable`,
                `ngsild.answer-too-large`.
        """
        host = _host(url)
        most = self._most_bytes if most_bytes is None else most_bytes
        try:
            async with self._client().request(
                method,
                url,
                data=body or None,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                content = await _bounded(response, most, host)
                found = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status, found, content)
        except TimeoutError:
            detail = f"{timeout_s:g} s"
            raise LingjingError("ngsild.unreachable", host=host, detail=detail) from None
        except aiohttp.InvalidURL:
            raise LingjingError("ngsild.bad-address", address=url[:200]) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _told(error, host) from None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_Resolver(self.networks),
                use_dns_cache=False,
                limit=0,
                limit_per_host=64,
                keepalive_timeout=30.0,
                # made here, not when the library is imported: it reads the certificates now
                ssl=ssl.create_default_context(),
                # the last lock: also addresses that stand in the URL pass here
                socket_factory=self._socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session

    def _socket(self, place: Any) -> socket.socket:
        family, kind, protocol, _, address = place
        if not self.networks.allows(address[0], address[1]):
            raise RefusedAddressError(address[0])
        return socket.socket(family, kind, protocol)


class _Resolver(AbstractResolver):
    """Gives aiohttp the checked addresses only."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._networks.resolve(host, port)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, address in found
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _bounded(response: aiohttp.ClientResponse, most: int, host: str) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > most:
            response.close()
            raise LingjingError("ngsild.answer-too-large", host=host, most=most)
    return bytes(content)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise LingjingError("ngsild.bad-address", address=url[:200])
    return host


def _told(error: Exception, host: str) -> LingjingError:
    """A failure of the library in our words; what the resolver refused keeps its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RefusedAddressError):
            return LingjingError("ngsild.network-refused", host=host, addresses=str(cause))
        if isinstance(cause, LingjingError):
            return cause
        inner = getattr(cause, "os_error", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__
    return LingjingError("ngsild.unreachable", host=host, detail=str(error) or type(error).__name__)
