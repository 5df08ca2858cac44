"""The real way of a file: control file, connector, mapping, checks; with the time and memory it took, and a verdict."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fuzz_cases import Case
from fuzz_goldens import FIELDS, FORMS, NAME, Row

from erp_connectors.sftp_files import SftpFilesConnector
from erp_connectors.sftp_files.reading import control_of, read_file
from hub.errors import HubError, InputRefusedError
from hub.ports import Artifact, Feed, Spooled
from hub.records import RECORDS, Reject, Stream
from hub.sync.collect import Collected, collect
from hub.testing.bench import make_feed

MAX_SECONDS, MAX_BYTES, HANG_SECONDS = 2.0, 100 * 1024**2, 8.0
_NOW = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)


class Hung(BaseException):
    """Not an Exception, so that nothing on the way takes it for an error of its own."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file. `seconds` are of the processor; `peak` the bytes above what was in use before."""

    refused: HubError | None = None
    crash: BaseException | None = None
    rows: dict[int, Row] | None = None
    rejects: tuple[Reject, ...] = ()
    seconds: float = 0.0
    peak: int = 0


@cache
def feed_of(form: str, *, sums: bool) -> Feed:
    """The feed of a form, its mapping compiled once."""
    return make_feed(SftpFilesConnector, form, FORMS[form].table(sums=sums))


def read(case: Case, folder: Path) -> Outcome:
    """Read a file as a night does, up to the rows that would be staged."""
    path = folder / f"{NAME}.{FORMS[case.form].suffix}"
    path.write_bytes(case.data)
    feed = feed_of(case.form, sums=case.sums)
    with _measured() as cost:
        outcome = _try(case, feed, path)
    return replace(outcome, seconds=cost["seconds"], peak=cost["peak"])


def _try(case: Case, feed: Feed, path: Path) -> Outcome:
    try:
        with _bell():
            collected = _collect(case, feed, path)
    except HubError as error:
        error.at(file=path.name)
        return Outcome(refused=error)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return Outcome(crash=error)
    return Outcome(rows=rows_of(collected), rejects=tuple(collected.rejects))


def _collect(case: Case, feed: Feed, path: Path) -> Collected:
    settings: Any = feed.settings
    artifact = Artifact(path.name, len(case.data), _NOW, "2026-11-20", "", stable=True)
    if case.control is not None:
        count, sums = control_of(case.control, settings, f"{NAME}.ctl", of=path.name)
        artifact = replace(artifact, expected_rows=count, expected_sums=sums)
    batches = read_file(feed, settings, Spooled(path.name, path, artifact))
    return collect(RECORDS[Stream.CONTRACTS], batches, path.with_name("rows.arrow"))


def rows_of(collected: Collected) -> dict[int, Row]:
    """The checked rows by line."""
    import pyarrow as pa

    with pa.OSFile(str(collected.path)) as source, pa.ipc.open_file(source) as reader:
        table = reader.read_all()
    return {row["line"]: {name: row[name] for name in FIELDS} for row in table.to_pylist()}


def verdict(case: Case, outcome: Outcome) -> str | None:
    """What is wrong with the outcome, or None."""
    if outcome.crash is not None:
        return f"crash: {type(outcome.crash).__name__}: {str(outcome.crash)[:300]}"
    if outcome.seconds > MAX_SECONDS:
        return f"took {outcome.seconds:.1f} s of processor"
    if outcome.peak > MAX_BYTES:
        return f"took {outcome.peak / 1e6:.0f} MB above idle"
    if outcome.refused is not None:
        return _of_refusal(case, outcome.refused)
    return _of_reading(case, outcome)


def _of_refusal(case: Case, error: HubError) -> str | None:
    if not case.detectable:
        return f"a benign file was refused: {error}"
    if not isinstance(error, InputRefusedError):
        return f"refused as {type(error).__name__}, which blames something else: {error}"
    if not error.message or NAME not in str(error):
        return f"the refusal does not name its file: {error}"
    return None


def _of_reading(case: Case, outcome: Outcome) -> str | None:
    found = outcome.rows or {}
    if case.whole and found:
        return f"read, though it is cut or lies: {len(found)} rows, {len(outcome.rejects)} rejects"
    if case.whole:
        return None  # not one row: an empty file is never a snapshot, says the store
    named = {reject.line for reject in outcome.rejects}
    if missing := case.bad - named:
        return f"lines {sorted(missing)[:5]} are not named ({_said(outcome.rejects)})"
    if extra := named - case.bad:
        return f"good lines {sorted(map(str, extra))[:5]} are refused ({_said(outcome.rejects)})"
    if loose := [one for one in outcome.rejects if not (one.code and one.message and one.file)]:
        return f"a reject without code, message or file: {loose[0]}"
    if case.field and (other := [one for one in outcome.rejects if one.field != case.field]):
        return f"field {other[0].field} is named, not {case.field} ({_said(other)})"
    return _difference(case.rows, found)


def _difference(wanted: dict[int, Row], found: dict[int, Row]) -> str | None:
    if wanted == found:
        return None
    if wanted.keys() != found.keys():
        lost, more = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
        return f"rows lost on lines {lost[:5]}, too many on lines {more[:5]}"
    line = next(line for line in wanted if wanted[line] != found[line])
    pairs = {
        name: (wanted[line][name], found[line][name]) for name in FIELDS if wanted[line][name] != found[line][name]
    }
    return f"line {line} reads otherwise: {pairs}"


def _said(rejects: tuple[Reject, ...] | list[Reject]) -> str:
    return "; ".join(f"line {one.line} {one.code} {one.field or ''}" for one in rejects[:3]) or "no rejects"


# --- time and memory --------------------------------------------------------------------------------------------------


@contextmanager
def _measured() -> Iterator[dict[str, Any]]:
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins again
    began, cost = time.process_time(), {"seconds": 0.0, "peak": 0}
    yield cost
    cost["seconds"] = time.process_time() - began
    cost["peak"] = max(0, _memory("VmHWM") - before)


def _memory(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{name}:")[2].split(maxsplit=1)[0]) * 1024


@contextmanager
def _bell() -> Iterator[None]:
    """Whatever goes round in circles is interrupted and counts as a crash."""

    def ring(*_: object) -> None:
        raise Hung(f"nothing came back within {HANG_SECONDS} s of processor")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
