"""Where a connector may go: schemes, hosts and addresses, judged by what a name resolves to and pinned to it."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.errors import DeadlineError, ForbiddenError, MisconfiguredError, UnreachableError
from hub.wire.deadline import Deadline

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Cloud metadata services: they hand out credentials, so a host name on the list is not enough to reach them.
_METADATA = frozenset(map(ipaddress.ip_address, ("169.254.169.254", "100.100.100.200", "fd00:ec2::254")))
# IPv4 addresses written as IPv6: NAT64 (RFC 6052), translated (RFC 6145), compatible (RFC 4291, long given up).
_EMBEDDING = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))
# Python calls some of what IANA never gave to anybody "global": site-local, 192.0.0.192 of a cloud's metadata service.
_ALLOCATED = ipaddress.ip_network("2000::/3")
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")
_ODD = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """What one connector may do on the network.

    `private_hosts`: host names, addresses or networks (`10.1.0.0/16`) that may be reached although they are private or
    loopback; link-local and metadata addresses only when listed as an address. `total_seconds` bounds a whole exchange,
    `max_bytes` one reply or file after decompression.
    """

    private_hosts: frozenset[str] = frozenset()
    allow_http: bool = False
    total_seconds: float = 600.0
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    max_bytes: int = 2 * 1024**3

    def lists(self, host: str) -> bool:
        """Whether a host name is on the list, whatever its case or trailing dot."""
        return _plain(host) in {_plain(known) for known in self.private_hosts}

    def lists_address(self, address: Address) -> bool:
        """Whether an address, or a network that holds it, is on the list."""
        return any(address in network for network in map(_network, self.private_hosts) if network is not None)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A host with the addresses that were checked: connections go to these, so a second look-up cannot change them."""

    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def address(self) -> str:
        return self.addresses[0]


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of a checked URL. `origin` is safe to show: no user, path or query."""

    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def check_url(url: str, policy: NetworkPolicy) -> Target:
    """The host and port a URL leads to. Raises ForbiddenError or MisconfiguredError; resolves nothing.

    Numbers in odd bases, mapped addresses and trailing dots pass here: `resolve` judges what they come to.
    """
    if _ODD.search(url):
        raise MisconfiguredError("the URL holds a space, a backslash or a control character", hint="write it anew")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise MisconfiguredError("the URL cannot be read", hint="write it as https://host/path") from None
    if parts.username is not None or parts.password is not None:
        raise ForbiddenError("the URL holds a user or password", hint="give them in their own settings")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ForbiddenError(f"the URL's scheme is {parts.scheme or 'missing'!r}", hint="write it as https://host/path")
    if parts.scheme == "http" and not policy.allow_http:
        raise ForbiddenError(
            f"{parts.hostname} is to be reached over plain http, which anybody on the way can read",
            hint="use https, or set allow_http = true for this connector",
        )
    return Target(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80))


def resolve(host: str, port: int, policy: NetworkPolicy, *, deadline: Deadline | None = None) -> Pinned:
    """Looks a host up once and pins what was found. Raises ForbiddenError when any address is off limits,
    UnreachableError when the name is unknown, DeadlineError when the name server hangs."""
    seconds = deadline.bound(policy.connect_seconds) if deadline else policy.connect_seconds
    found = _look_up(host, port, seconds)
    for address in found:
        _judge(address, host, policy)
    return Pinned(host, port, tuple(map(str, found)))


def open_socket(pinned: Pinned, seconds: float) -> socket.socket:
    """A connected socket without Nagle's delay, to the first pinned address that answers.

    Raises UnreachableError; `seconds` bounds all attempts together.
    """
    deadline = Deadline(seconds)
    reason = "no address"
    for address in pinned.addresses:
        try:
            sock = socket.create_connection((address, pinned.port), timeout=deadline.bound(seconds))
        except TimeoutError:
            reason = f"no answer within {seconds:g} s"
        except OSError as error:
            reason = error.strerror or type(error).__name__
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise UnreachableError(
        f"cannot connect to {pinned.host}:{pinned.port}: {reason}",
        hint="check host and port, and that a firewall lets the hub through",
    )


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _look_up(host: str, port: int, seconds: float) -> list[Address]:
    """getaddrinfo has no time limit, hence the thread; it reads `127.1` and `0x7f000001` as any connection would."""
    answer: list[object] = []

    def ask() -> None:
        try:
            answer.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.append(error)

    thread = threading.Thread(target=ask, daemon=True, name="hub-resolve")
    thread.start()
    thread.join(seconds)
    if not answer:
        raise DeadlineError(f"looking up {host} took longer than {seconds:g} s", hint="check the name server")
    if isinstance(answer[0], Exception):
        raise UnreachableError(f"the name {host} is not known", hint="check the host's spelling and the name server")
    infos = answer[0]
    texts = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in infos)  # type: ignore[attr-defined]
    return [ipaddress.ip_address(text) for text in texts]


def _inner(address: Address) -> Address:
    """The IPv4 address an IPv6 one stands for (mapped, compatible, translated, 6to4, Teredo, NAT64), else itself: that
    is where packets go."""
    if isinstance(address, ipaddress.IPv4Address) or int(address) <= 1:  # :: and ::1 are themselves
        return address
    if any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address


def _judge(address: Address, host: str, policy: NetworkPolicy) -> None:
    """Raises ForbiddenError unless the address is public, or private and listed."""
    inner = _inner(address)
    never = inner.is_multicast or inner.is_unspecified
    if _is_public(inner) and not never:
        return
    if not never and policy.lists_address(inner):
        return
    if not never and not inner.is_link_local and inner not in _METADATA and policy.lists(host):
        return
    raise ForbiddenError(
        f"{host} leads to {address}, {_range(inner)}",
        hint=f'if it is meant, add "{inner if inner.is_link_local else host}" to private_hosts of this connector'
        if not never
        else "no server can stand at such an address",
    )


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        return address.is_global and address in _ALLOCATED
    return address.is_global and address not in _PROTOCOLS


def _range(address: Address) -> str:
    if address in _METADATA:
        return "a cloud metadata service"
    for name in ("multicast", "unspecified", "loopback", "link_local"):
        if getattr(address, f"is_{name}"):
            return f"a {name.replace('_', '-')} address" if name != "unspecified" else "an unspecified address"
    return "an address inside a private or reserved network"
