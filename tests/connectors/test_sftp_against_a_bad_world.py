"""The SFTP connector with cut, unfinished, odd and hostile files, and a server that is not who it was."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ForbiddenError, InputRefusedError, MisconfiguredError
from hub.ports import Artifact
from hub.sandbox import Sandbox
from hub.sandbox.files import truncate
from hub.testing.bench import Bench, fetch
from hub.testing.fakes import LOCAL_NETWORK, FolderSpool

SLUG = "cite-des-tilleuls"


@pytest.fixture
def sandbox(open_sandbox: Callable[..., Sandbox]) -> Sandbox:
    """A world of each test's own: these tests damage it."""
    return open_sandbox(contracts=12)


def discover(bench: Bench, **settings: Any) -> list[Artifact]:
    with bench.open(settings) as connector:
        return list(connector.discover(bench.feeds[0]))


def drop(sandbox: Sandbox, name: str, content: bytes) -> Path:
    path = sandbox.root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def the_file(sandbox: Sandbox, pattern: str) -> Path:
    (path,) = sandbox.root.glob(pattern)
    return path


# -- what a file must be ---------------------------------------------------------------------------------------------


def test_a_cut_file_says_how_many_lines_are_missing_and_where_it_ends(sandbox, bench_of):
    path = the_file(sandbox, "contrats/CTR_2*.csv")
    truncate(path)
    held = path.read_bytes().count(b"\r\n") - 1
    bench = bench_of(SLUG, sandbox, only="contracts")
    with pytest.raises(InputRefusedError) as caught:
        bench.harvest(bench.feeds[0])
    said = str(caught.value)
    assert "the control file says 12 lines" in said
    assert f"in the middle of line {held + 2}" in said
    assert "cut in transfer" in said
    assert path.name in said


def test_a_file_cut_between_two_lines_is_refused_too(sandbox, bench_of):
    path = the_file(sandbox, "contrats/CTR_2*.csv")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
    bench = bench_of(SLUG, sandbox, only="contracts")
    with pytest.raises(InputRefusedError, match=r"the control file says 12 lines.* 9"):
        bench.harvest(bench.feeds[0])


def test_an_amount_that_differs_from_the_control_sum_refuses_the_file(sandbox, bench_of):
    control = the_file(sandbox, "compta/ECR_2*.ctl")
    text = control.read_text()
    wrong = [line.replace(",", "1,", 1) if line.startswith("CREDIT") else line for line in text.splitlines()]
    control.write_text("\r\n".join(wrong) + "\r\n")
    bench = bench_of(SLUG, sandbox, only="ledger")
    with pytest.raises(InputRefusedError, match="CREDIT"):
        bench.harvest(bench.feeds[0])


def test_a_control_file_that_cannot_be_read_refuses_its_file(sandbox, bench_of):
    the_file(sandbox, "contrats/CTR_2*.ctl").write_text("LIGNES=douze\r\n")
    with pytest.raises(InputRefusedError):
        discover(bench_of(SLUG, sandbox, only="contracts"))


def test_a_missing_column_names_those_there_are(sandbox, bench_of):
    path = the_file(sandbox, "contrats/CTR_2*.csv")
    path.write_bytes(path.read_bytes().replace(b"DT_EFFET", b"DATE_EFFET", 1))
    bench = bench_of(SLUG, sandbox, only="contracts")
    with pytest.raises(InputRefusedError, match="DT_EFFET") as caught:
        bench.harvest(bench.feeds[0])
    assert "DATE_EFFET" in str(caught.value)


# -- which files are taken -------------------------------------------------------------------------------------------


def test_a_snapshot_is_the_newest_date_and_a_delta_all_dates_in_order(sandbox, bench_of):
    sandbox.advance(days=12)
    (contracts,) = discover(bench_of(SLUG, sandbox, only="contracts"))
    assert contracts.name == "contrats/CTR_20261202.csv"
    assert (contracts.stable, contracts.expected_rows is not None) == (True, True)
    names = [file.name for file in discover(bench_of(SLUG, sandbox, only="ledger"))]
    assert names[0] == "compta/ECR_20261120_01.csv"
    assert names == sorted(names)
    assert len(names) > 1


def test_unfinished_files_are_never_listed(sandbox, bench_of):
    for name in (".CTR_20261121.csv", "CTR_20261121.csv.tmp", "CTR_20261121.csv.filepart", "CTR_20261121.csv.part"):
        drop(sandbox, f"contrats/{name}", b"half")
    bench = bench_of(SLUG, sandbox, only="contracts", files="contrats/*")
    names = [Path(file.name).name for file in discover(bench)]
    assert not [name for name in names if "20261121" in name]


def test_a_file_waits_for_its_control_file(sandbox, bench_of):
    the_file(sandbox, "contrats/CTR_2*.ctl").unlink()
    (waiting,) = discover(bench_of(SLUG, sandbox, only="contracts"))
    assert (waiting.stable, waiting.expected_rows) == (False, None)


def test_without_control_file_a_file_waits_until_it_stands_still(sandbox, bench_of):
    path = the_file(sandbox, "contrats/CTR_2*.csv")
    bench = bench_of(SLUG, sandbox, only="contracts", control=None)
    now = bench.clock.now().timestamp()
    os.utime(path, (now, now))
    stable = []
    for minutes in (0, 1.5, 1.5):
        bench.clock.move(minutes=minutes)
        stable += [file.stable for file in discover(bench)]
    assert stable == [False, True, True]


def test_an_applied_file_moves_to_the_archive_with_its_control_file(sandbox, bench_of):
    (sandbox.root / "contrats" / "archives").mkdir(exist_ok=True)
    bench = bench_of(SLUG, sandbox, only="contracts")
    with bench.open({"archive": "{folder}/archives/{name}"}) as connector:
        (file,) = connector.discover(bench.feeds[0])
        connector.done(bench.feeds[0], file)
        assert list(connector.discover(bench.feeds[0])) == []
    moved = sorted(path.name for path in (sandbox.root / "contrats" / "archives").iterdir())
    assert moved == ["CTR_20261120.csv", "CTR_20261120.ctl"]


def test_without_archive_an_applied_file_stays(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts")
    with bench.open() as connector:
        (file,) = connector.discover(bench.feeds[0])
        connector.done(bench.feeds[0], file)
        assert connector.discover(bench.feeds[0]) == [file]


# -- how files are written -------------------------------------------------------------------------------------------

LINKS = [{"account_ref": "K1", "contract_ref": "Zoé"}, {"account_ref": "K2", "contract_ref": "C2"}]
WRITTEN = {
    "latin-1 without header": (
        "K1|Zoé\nK2|C2\n".encode("latin-1"),
        {"encoding": "latin-1", "delimiter": "|", "header": False, "columns": ["A", "C"]},
    ),
    "UTF-8 with BOM": ("\ufeffA;C\r\nK1;Zoé\r\nK2;C2\r\n".encode(), {"encoding": "utf-8"}),
    "gzip": (gzip.compress("A;C\nK1;Zoé\nK2;C2\n".encode("cp1252")), {"encoding": "cp1252", "compression": "gzip"}),
    "fixed width": (
        "K1  Zoé \nK2  C2  \n".encode("cp1252"),
        {"encoding": "cp1252", "format": "fixed_width", "positions": {"A": [1, 4], "C": [5, 8]}},
    ),
    "json lines": (
        "".join(json.dumps({"A": a, "C": c}) + "\n" for a, c in (("K1", "Zoé"), ("K2", "C2"))).encode(),
        {"encoding": "utf-8", "format": "json_lines"},
    ),
    "XML": (
        '<?xml version="1.0" encoding="iso-8859-1"?><Liens><Lien><A> K1\n</A><C>Zoé</C></Lien>'
        "<Lien><A>K2</A><C>C2</C></Lien></Liens>".encode("latin-1"),
        {"format": "xml", "rows": "Liens/Lien"},
    ),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_the_same_rows_come_out_of_every_way_to_write_them(way, sandbox, bench_of):
    content, options = WRITTEN[way]
    drop(sandbox, "liens/LIENS.dat", content)
    fields = {"account_ref": "A", "contract_ref": "C"}
    written = {"files": "liens/LIENS.dat", "control": None, "header": True, "fields": fields, **options}
    bench = bench_of(SLUG, sandbox, only="account_contracts", **written)
    harvest = bench.harvest(bench.feeds[0])
    assert harvest.rows == LINKS
    assert harvest.rejects == []


# -- documents -------------------------------------------------------------------------------------------------------


@contextmanager
def documents(bench: Bench) -> Iterator[tuple[Any, list[dict[str, Any]], Any]]:
    """The newest index with its bundle on disk: connector, rows and spooled file."""
    feed = bench.feeds[0]
    with bench.open() as connector:
        spooled = fetch(connector, feed, connector.discover(feed)[-1], FolderSpool(bench.folder / "documents"))
        yield connector, [row for batch in connector.read(feed, spooled) for row in batch.rows.to_pylist()], spooled


def test_rent_notices_come_out_of_their_bundle_as_pdf(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="documents")
    with documents(bench) as (connector, rows, spooled):
        assert rows
        for row in rows:
            with connector.open_document(bench.feeds[0], spooled, row["file_name"]) as pdf:
                assert pdf.read(5) == b"%PDF-"


def test_a_document_is_also_found_through_the_bundle_itself(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="documents")
    feed = bench.feeds[0]
    with bench.open() as connector:
        newest = connector.discover(feed)[-1]
        (bundle,) = connector.companions(feed, newest)
        spooled = fetch(connector, feed, bundle, FolderSpool(bench.folder / "bundle"))
        with zipfile.ZipFile(spooled.path) as packed:
            name = packed.namelist()[0]
        with connector.open_document(feed, spooled, name) as pdf:
            assert pdf.read(5) == b"%PDF-"


def test_a_document_the_bundle_does_not_hold_is_refused(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="documents")
    refusal = pytest.raises(InputRefusedError, match=r"holds no file 'absent\.pdf'")
    with documents(bench) as (connector, _, spooled), refusal:
        connector.open_document(bench.feeds[0], spooled, "absent.pdf")


def test_a_bundle_whose_names_leave_their_folder_is_refused(sandbox, bench_of):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        bundle.writestr("../../etc/cron.d/x", b"%PDF-")
    newest = sorted(sandbox.root.glob("avis/PDF_*.zip"))[-1]
    newest.write_bytes(packed.getvalue())
    bench = bench_of(SLUG, sandbox, only="documents")
    refusal = pytest.raises(InputRefusedError, match="leaves its folder")
    with documents(bench) as (connector, rows, spooled), refusal:
        connector.open_document(bench.feeds[0], spooled, rows[0]["file_name"])


# -- who answers -----------------------------------------------------------------------------------------------------


def test_without_a_pinned_key_check_shows_the_line_to_copy_and_nothing_logs_in(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox)
    with bench.open({"host_key": None}) as connector:
        *_, last = connector.check(bench.feeds)
        with pytest.raises(MisconfiguredError, match="no host key is pinned"):
            connector.discover(bench.feeds[0])
    door = sandbox.state["sftp"]
    assert (last.step.endswith("host key"), last.ok) == (True, False)
    assert door["fingerprint"] in last.detail
    assert f'host_key = "{door["host_key"]}"' in last.hint


def test_a_fingerprint_pins_as_well_as_the_whole_line(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts")
    assert discover(bench, host_key=sandbox.state["sftp"]["fingerprint"])


def test_a_changed_host_key_stops_everything_and_names_both_fingerprints(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts")
    before = sandbox.sftp.fingerprint
    sandbox.sftp.change_host_key()
    with pytest.raises(MisconfiguredError) as caught:
        discover(bench)
    assert before in str(caught.value)
    assert sandbox.sftp.fingerprint in str(caught.value)
    with bench.open() as connector:
        *_, last = connector.check(bench.feeds)
    assert (last.step.endswith("host key"), last.ok) == (True, False)


def test_the_password_is_as_good_as_the_key(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts")
    password = (sandbox.folder / sandbox.state["sftp"]["password_file"]).read_text().strip()
    assert discover(bench, private_key=None, password=password)
    with pytest.raises(MisconfiguredError, match="refuses our user and password") as caught:
        discover(bench, private_key=None, password="guess-4711")
    assert "guess-4711" not in str(caught.value)


def test_a_private_address_needs_the_landlords_word(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts")
    with bench.open(network=type(LOCAL_NETWORK)()) as connector, pytest.raises(ForbiddenError, match="loopback"):
        connector.discover(bench.feeds[0])


def test_check_tells_each_step_and_what_the_newest_file_holds(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox)
    with bench.open() as connector:
        findings = {finding.step: finding for finding in connector.check(bench.feeds)}
    assert [step.split()[-1] for step in list(findings)[:3]] == ["resolve", "key", "in"]
    assert findings["list contrats/"].detail.endswith("files")
    said = findings["feed contracts"].detail
    assert said == "newest CTR_20261120.csv, 12 lines, control file agrees"
    assert all(finding.ok for finding in findings.values())


def test_check_says_of_a_feed_without_files_what_to_look_at(sandbox, bench_of):
    bench = bench_of(SLUG, sandbox, only="contracts", files="contrats/CONTRATS_{date:%Y%m%d}.csv")
    with bench.open() as connector:
        *_, last = connector.check(bench.feeds)
    assert (last.ok, last.detail) == (False, "no file fits the pattern")
    assert "name pattern" in last.hint


def test_check_finds_a_cut_file(sandbox, bench_of):
    truncate(the_file(sandbox, "contrats/CTR_2*.csv"))
    bench = bench_of(SLUG, sandbox, only="contracts")
    with bench.open() as connector:
        *_, last = connector.check(bench.feeds)
    assert not last.ok
    assert "control file says" in last.detail
