"""Strange habits with files, each served as vendors do and read with the preset of the repository, word for word."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import Any

import pytest

from erp_connectors.sftp_files import SftpFilesConnector
from hub.errors import MisconfiguredError, RetryableError
from hub.sandbox.sftp_server import SftpServer
from hub.testing.bench import Bench, gather, make_feed
from hub.testing.fakes import FolderSpool

PRESETS = Path(__file__).parents[2] / "landlords" / "presets"
Serve = Callable[..., SftpServer]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts SFTP servers over `tmp_path / "server"`, user `hub`, password `s3cret`."""
    with ExitStack() as closing:

        def start(**options: Any) -> SftpServer:
            root = tmp_path / "server"
            root.mkdir(exist_ok=True)
            login: dict[str, Any] = {"user": "hub", "password": "s3cret", "client_key_line": "none"}
            server = SftpServer(root, host_key_file=tmp_path / "host_key", **login, **options)
            server.start()
            closing.callback(server.stop)
            return server

        yield start


def preset(name: str, server: SftpServer, folder: Path, /, **changes: Any) -> Bench:
    """The preset as it stands, led to a server of the test."""
    landlord = tomllib.loads((PRESETS / f"{name}.toml").read_text())
    written = {key: value for key, value in landlord["connectors"]["erp"].items() if key != "plugin"}
    door = {"host": "127.0.0.1", "port": server.port, "password": "s3cret", "host_key": server.host_key}
    feeds = [make_feed(SftpFilesConnector, feed, table) for feed, table in landlord["feeds"].items()]
    return Bench(SftpFilesConnector, {**written, **door, "settle_seconds": 0, **changes}, feeds, folder)


def names(server: SftpServer, folder: str) -> list[str]:
    return sorted(path.name for path in (server.root / folder).iterdir())


# -- suffixes, and a server of another time ----------------------------------------------------------------------------


def fill_export(server: SftpServer) -> None:
    (server.root / "export").mkdir()
    (server.root / "export/20261120-a.ar.csv").write_text("NUMBER\nK1\nK2\n")
    (server.root / "export/20261120-a.gl.csv").write_bytes(
        "ID;NUMBER;DAY;KIND;TEXT;AMOUNT\n1;K1;2026-11-01;RENT;Hyra på nätet;5000,50\n".encode("latin-1")
    )
    (server.root / "export/20261120-a.xx.csv").write_text("nobody asked for this")


def test_the_suffix_of_a_file_says_which_feed_it_is(serve: Serve, tmp_path: Path) -> None:
    server = serve(old=True)
    fill_export(server)
    bench = preset("suffix-files", server, tmp_path)
    accounts, ledger = (bench.harvest(feed).rows for feed in bench.feeds)
    assert [row["number"] for row in accounts] == ["K1", "K2"]
    assert [(row["label"], row["amount_cents"]) for row in ledger] == [("Hyra på nätet", 500050)]


def test_check_says_that_the_key_is_proven_with_sha_1(serve: Serve, tmp_path: Path) -> None:
    server = serve(old=True)
    fill_export(server)
    bench = preset("suffix-files", server, tmp_path)
    with bench.open() as connector:
        findings = list(connector.check(bench.feeds))
    (login,) = [finding for finding in findings if finding.step.endswith("log in")]
    assert all(finding.ok for finding in findings)
    assert "SHA-1 only (legacy_host_key): ask for a newer one" in login.detail


def test_without_the_switch_an_old_server_is_refused_and_the_switch_named(serve: Serve, tmp_path: Path) -> None:
    bench = preset("suffix-files", serve(old=True), tmp_path, legacy_host_key=False)
    with bench.open() as connector, pytest.raises(MisconfiguredError, match="no common algorithm") as caught:
        connector.session()
    assert "legacy_host_key = true" in caught.value.hint


def test_the_switch_changes_nothing_for_a_server_that_knows_better(serve: Serve, tmp_path: Path) -> None:
    bench = preset("suffix-files", serve(), tmp_path)
    with bench.open() as connector:
        assert connector.session().signed_with == "ssh-ed25519"


def test_the_switch_does_not_loosen_the_pin(serve: Serve, tmp_path: Path) -> None:
    other = "ssh-rsa " + serve(old=True).host_key.split()[1]
    bench = preset("suffix-files", serve(old=True), tmp_path, host_key=other)
    with bench.open() as connector, pytest.raises(MisconfiguredError, match="has changed"):
        connector.session()


# -- OK_ and NOK_ ------------------------------------------------------------------------------------------------------


@pytest.fixture
def cash(serve: Serve) -> SftpServer:
    server = serve()
    (server.root / "in").mkdir()
    for day in (19, 20):
        (server.root / f"in/CashFile202611{day}.csv").write_text(f"ACCOUNT\nK{day}\n")
    return server


def test_what_was_read_is_renamed_and_not_seen_again(cash: SftpServer, tmp_path: Path) -> None:
    bench = preset("ok-nok", cash, tmp_path)
    (feed,) = bench.feeds
    with bench.open() as connector:
        good, bad = connector.discover(feed)
        connector.done(feed, good)
        connector.refused(feed, bad)
        assert connector.discover(feed) == []
    assert names(cash, "in") == ["NOK_CashFile20261120.csv", "OK_CashFile20261119.csv"]


def test_a_rename_asked_for_twice_is_done_once(cash: SftpServer, tmp_path: Path) -> None:
    bench = preset("ok-nok", cash, tmp_path)
    (feed,) = bench.feeds
    with bench.open() as connector:
        artifact, other = connector.discover(feed)
        connector.done(feed, artifact)
    with bench.open() as connector:  # as after a kill between the move and the note of it
        connector.done(feed, artifact)
        (cash.root / other.name).unlink()
        with pytest.raises(RetryableError, match="no such file"):
            connector.done(feed, other)
    assert names(cash, "in") == ["OK_CashFile20261119.csv"]


def test_a_mended_file_under_its_own_name_is_read(cash: SftpServer, tmp_path: Path) -> None:
    bench = preset("ok-nok", cash, tmp_path)
    (feed,) = bench.feeds
    with bench.open() as connector:
        connector.refused(feed, connector.discover(feed)[0])
        (cash.root / "in/CashFile20261119.csv").write_text("ACCOUNT\nK19B\n")
        rows = gather(connector, feed, FolderSpool(tmp_path / "spool")).rows
    assert [row["number"] for row in rows] == ["K19B", "K20"]


# -- XML inside XML, in a file -----------------------------------------------------------------------------------------


def test_escaped_xml_and_diffgrams_are_read_from_files_too(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    inner = escape("<d><A><N>1</N></A><before><A><N>0</N></A></before></d>")
    (server.root / "x.xml").write_text(f"<reply><string>{inner}</string></reply>")
    bench = preset("ok-nok", server, tmp_path)
    fields = {"external_id": {"path": "N"}, "number": {"path": "N"}}
    table = {"stream": "accounts", "files": "x.xml", "format": "xml", "rows": "A", "fields": fields}
    feed = make_feed(SftpFilesConnector, "accounts", {**table, "inside": "string", "without": ["before"]})
    assert [row["number"] for row in bench.harvest(feed).rows] == ["1"]
