"""Ways to write an address that is off limits, so that a guard that looks at the text lets them pass."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product


def loopback_forms(port: int) -> list[str]:
    """URLs that lead to this machine, or to nowhere: every one of them is off limits."""
    hosts = [*_numbers(), *_ipv6(), *_names(), *_letters()]
    return [f"http://{host}:{port}/" for host in dict.fromkeys(hosts)] + _odd_urls(port)


def private_forms(port: int) -> list[str]:
    """URLs that lead into private, link-local, metadata and reserved networks."""
    hosts = (
        "10.0.0.1 10.255.255.254 172.16.0.1 172.31.255.254 192.168.0.1 192.168.255.254 100.64.0.1 100.127.255.254 "
        "169.254.0.1 169.254.169.254 169.254.170.2 2852039166 0xa9fea9fe 0251.0376.0251.0376 0xa9.254.0xa9.254 "
        "169.254.43518 169.16689662 100.100.100.200 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 "
        "224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 0.0.0.0 0.1.2.3 0x0a000001 012.0.0.1 10.1 167772161 "
        "3232235521 192.168.257 172.1048577 [fd00::1] [fd00:ec2::254] [fc00::1] [fe80::1] [fe80::1%25lo] [fec0::1] "
        "[ff02::1] [::] [::ffff:10.0.0.1] [::ffff:a9fe:a9fe] [64:ff9b::a9fe:a9fe] [64:ff9b::10.0.0.1] "
        "[2002:a9fe:a9fe::] [2002:c0a8:1::1] [2002:a00:1::] "
        "[2001:0:4136:e378:8000:63bf:f5ff:fffe] [2001:db8::1] [100::1]"
    )
    return [f"http://{host}:{port}/latest/meta-data/" for host in hosts.split()]


def _numbers() -> Iterator[str]:
    """127.0.0.1 in decimal, octal, hexadecimal, short and mixed forms."""
    yield from (
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "127.0.0.2",
        "2130706433",
        "0x7f000001",
        "0X7F000001",
    )
    yield from ("017700000001", "0177.1", "0x7f.1", "127.0x1", "127.0.0x1", "0x7f.0.1", "0", "0.0.0.0", "0x0", "00")
    first, last = ("127", "0177", "0x7f", "00000177"), ("1", "01", "0x1", "0x00000001")
    yield from (f"{one}.0.0.{four}" for one, four in product(first, last))
    yield from (f"{one}.0x0.00.{four}" for one, four in product(first[1:], last[:2]))


def _ipv6() -> Iterator[str]:
    yield from ("[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::]", "[0::1]", "[::0001]")
    yield from ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]", "[0:0:0:0:0:ffff:127.0.0.1]")
    yield from ("[::ffff:0.0.0.0]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:1::1]")
    yield from (
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[::1%25lo]",
        "[::1%lo]",
        "[::1%251]",
        "[fe80::1%25lo]",
        "[::ffff:0:7f00:1]",
    )


def _names() -> Iterator[str]:
    """Names, which the name server of the test resolves to this machine."""
    yield from ("localhost", "LOCALHOST", "LocalHost.", "localhost.", "inner.test", "INNER.test", "inner.test.")
    yield from ("public-first.test", "six-first.test", "127.0.0.1.inner.test", "xn--inner-9za.test", "a.b.c.inner.test")
    yield from ("127.0.0.1.", "127.1.", "2130706433.", "0x7f.1.")


def _letters() -> Iterator[str]:
    """Digits, letters and dots of other alphabets, which become ASCII on their way."""
    yield from (
        "１２７.0.0.1",
        "127。0。0。1",
        "127．0．0．1",
        "127｡0｡0｡1",
        "①②⑦.0.0.1",
        "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
        "１２７．１",
        "0ｘ7f.1",
    )
    yield from (
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "ｌｏｃａｌｈｏｓｔ",
        "ℓocalhost",
        "loc𝐚lhost",
        "localhoſt",
        "LOCALHOŚT",
        "іnner.test",
        "inner．test",
    )
    yield from ("127.0.0.1\u00ad", "local\u200bhost", "local\u2060host", "١٢٧.٠.٠.١", "१२७.०.०.१")


def _odd_urls(port: int) -> list[str]:
    """Where two readers of one URL see two hosts. `good.test` is listed."""
    evil, good = f"127.0.0.1:{port}", "good.test"
    return [
        f"http://{good}@{evil}/",
        f"http://{good}:80@{evil}/",
        f"http://user:pw@{evil}/",
        f"http://@{evil}/",
        f"http://:@{evil}/",
        f"http://{good}%40{evil}/",
        f"http://{good}%2f@{evil}/",
        f"http://{good}%23@{evil}/",
        f"http://{good}\\@{evil}/",
        f"http://{evil}\\@{good}/",
        f"http://{evil}#@{good}/",
        f"http://{evil}?@{good}/",
        f"http://{evil};@{good}/",
        f"http://{good};@{evil}/",
        f"http://{good}&@{evil}/",
        f"http://{good} @{evil}/",
        f"http://{good}\t@{evil}/",
        f"http://{good}\n@{evil}/",
        f"http://{good}\r\n@{evil}/",
        f"http://{good}\0@{evil}/",
        f"http://{good}\u2028@{evil}/",
        f"http://{good}\u00a0@{evil}/",
        f"http://{good}\uff20{evil}/",
        f"http://{good}\uff0f@{evil}/",
        f"http://{good}\u2100{evil}/",
        f"http://{good}@{good}@{evil}/",
        f"http://{evil}@{evil}/",
        f"http:{evil}/",
        f"http:/{evil}/",
        f"http:///{evil}/",
        f"http:////{evil}/",
        f"http:\\\\{evil}/",
        f"http:/\\{evil}/",
        f"//{evil}/",
        f"///{evil}/",
        f"\\\\{evil}\\",
        f" http://{evil}/",
        f"\thttp://{evil}/",
        f"\x01http://{evil}/",
        f"ht\ntp://{evil}/",
        f"HTTP://{evil}/",
        f"hTTp://{evil}/",
        f"http://{evil}./",
        f"http://127.0.0.1%00.{good}:{port}/",
        f"http://127.0.0.1%2e{good}:{port}/",
        f"http://127%2e0%2e0%2e1:{port}/",
        f"http://%31%32%37.0.0.1:{port}/",
        f"http://127.0.0.1%20:{port}/",
        f"http://127.0.0.1:0{port}/",
        f"http://127.0.0.1:+{port}/",
        f"http://127.0.0.1: {port}/",
        f"http://127.0.0.1:{port}:80/",
        f"http://127.0.0.1:{port + 65536}/",
        f"http://127.0.0.1:-{port}/",
        f"http://[127.0.0.1]:{port}/",
        f"http://[::1:{port}/",
        f"http://::1:{port}/",
        f"http://[::1]{port}/",
        f"http://[{good}]@{evil}/",
        f"http://[::1].{good}:{port}/",
        f"http://{good}[::1]:{port}/",
        f"http://127..0.0.1:{port}/",
        f"http://.127.0.0.1:{port}/",
        f"http://127.0.0.1,{good}:{port}/",
        f"http://256.256.256.256:{port}/",
        f"http://127.0.0.257:{port}/",
        f"http://4294967297:{port}/",
        f"http://{'a' * 70}.test:{port}/",
        f"http://{'a.' * 200}test:{port}/",
        f"http://:{port}/",
        f"http://*:{port}/",
        f"ftp://{evil}/",
        f"gopher://{evil}/_GET",
        f"dict://{evil}/",
        f"file://{evil}/etc/hostname",
        "file:///etc/hostname",
        f"jar:http://{evil}!/",
        f"ws://{evil}/",
        f"unix://{evil}/",
        f"http+unix://{evil}/",
        f"data:text/xml,<a href='http://{evil}/'/>",
        f"javascript:fetch('http://{evil}/')",
        f"view-source:http://{evil}/",
        f"url:http://{evil}/",
    ]
