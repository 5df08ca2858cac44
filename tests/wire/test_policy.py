from __future__ import annotations

import socket
import time

import pytest

from hub.errors import DeadlineError, ForbiddenError, MisconfiguredError, UnreachableError
from hub.wire import NetworkPolicy, check_url, resolve
from hub.wire.policy import open_socket

STRICT = NetworkPolicy()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "localhost",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "203.0.113.7",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
        "::7f00:1",
        "::ffff:0:7f00:1",
        "fec0::1",
        "4000::1",
        "192.0.0.192",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)
def test_an_address_that_is_not_public_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(ForbiddenError, match="leads to"):
        resolve(host, 443, STRICT)


@pytest.mark.parametrize("host", ["9.9.9.9", "2620:fe::fe", "64:ff9b::909:909"])
def test_a_public_address_is_pinned(host: str) -> None:
    assert resolve(host, 443, STRICT).address == host


@pytest.mark.parametrize("listed", ["localhost", "LOCALHOST.", "127.0.0.1", "127.0.0.0/8"])
def test_a_listed_host_address_or_network_is_let_through(listed: str) -> None:
    policy = NetworkPolicy(private_hosts=frozenset({listed, "::1"}))
    assert "127.0.0.1" in resolve("localhost", 80, policy).addresses


def test_the_refusal_names_the_setting_that_allows_it() -> None:
    with pytest.raises(ForbiddenError) as caught:
        resolve("10.20.30.40", 443, STRICT)
    assert 'add "10.20.30.40" to private_hosts' in caught.value.hint


def test_a_listed_name_does_not_open_the_metadata_service(monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, "erp.test", ["169.254.169.254"])
    with pytest.raises(ForbiddenError, match="metadata"):
        resolve("erp.test", 80, NetworkPolicy(private_hosts=frozenset({"erp.test"})))
    listed = NetworkPolicy(private_hosts=frozenset({"169.254.169.254"}))
    assert resolve("erp.test", 80, listed).address == "169.254.169.254"


def test_no_list_opens_a_multicast_or_unspecified_address() -> None:
    policy = NetworkPolicy(private_hosts=frozenset({"0.0.0.0", "224.0.0.1", "0.0.0.0/0"}))
    for host in ("0.0.0.0", "224.0.0.1"):
        with pytest.raises(ForbiddenError):
            resolve(host, 80, policy)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, "both.test", ["9.9.9.9", "127.0.0.1"])
    with pytest.raises(ForbiddenError):
        resolve("both.test", 443, STRICT)


def test_the_connection_goes_to_what_was_checked_whatever_the_name_says_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        _names(monkeypatch, "rebind.test", ["127.0.0.1"])
        pinned = resolve("rebind.test", port, NetworkPolicy(private_hosts=frozenset({"rebind.test"})))
        _names(monkeypatch, "rebind.test", ["192.0.2.1"])
        with open_socket(pinned, 2) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_unknown_name_and_a_closed_port_are_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, "known.test", ["127.0.0.1"])
    policy = NetworkPolicy(private_hosts=frozenset({"127.0.0.1"}))
    with pytest.raises(UnreachableError, match=r"the name unknown\.test is not known"):
        resolve("unknown.test", 443, policy)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachableError, match="refused"):
            open_socket(resolve("127.0.0.1", reserved.getsockname()[1], policy), 2)


def test_a_hanging_name_server_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    started = time.monotonic()
    with pytest.raises(DeadlineError, match=r"looking up slow\.test"):
        resolve("slow.test", 443, NetworkPolicy(connect_seconds=0.2))
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://erp.test/", "plain http"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://erp.test/", "scheme"),
        ("//erp.test/", "scheme"),
        ("https:///path", "scheme"),
        ("https://user:pw@erp.test/", "user or password"),
        ("https://good.test\\@bad.test/", "backslash"),
        ("https://erp.test/a b", "space"),
        ("https://erp.test:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
    ],
)
def test_a_url_that_is_not_plain_https_is_refused(url: str, error: str) -> None:
    with pytest.raises((ForbiddenError, MisconfiguredError), match=error) as caught:
        check_url(url, STRICT)
    assert "pw" not in str(caught.value)


def test_a_target_shows_its_origin_and_nothing_else() -> None:
    assert check_url("https://erp.test/path?token=abc", STRICT).origin == "https://erp.test:443"
    assert check_url("http://[2001:db8::1]:8080/", NetworkPolicy(allow_http=True)).origin == "http://[2001:db8::1]:8080"


def _names(monkeypatch: pytest.MonkeyPatch, name: str, addresses: list[str]) -> None:
    real = socket.getaddrinfo

    def answer(host: str, port: int, *args: object, **kwargs: object) -> object:
        if host == name:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]
        if host.endswith(".test"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(host, port, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
