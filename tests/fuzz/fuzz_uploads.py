"""Files read while a slow writer writes them, over a real SFTP server; and one content under three names."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from fuzz_goldens import COLUMNS, FORMS, Form, csv_line, invent
from fuzz_hub import Hub, door, file_server

from erp_connectors.sftp_files import SftpFilesConnector
from hub.errors import InputRefusedError, RetryableError
from hub.ports import Artifact, Feed, Spooled
from hub.testing.bench import make_feed
from hub.testing.fakes import LOCAL_NETWORK, MemoryState, make_context

WINDOW, TICK_SECONDS, SETTLE_SECONDS = 40, 20, 60
_FORM = FORMS["csv-1252"]


class WriterClock:
    """Virtual time: it goes on only when the writer has written to every file it is at, however slow the machine."""

    def __init__(self) -> None:
        self.instant = datetime.now(UTC)

    def now(self) -> datetime:
        return self.instant

    def tick(self) -> None:
        self.instant += timedelta(seconds=TICK_SECONDS)


@dataclass
class Upload:
    """A file on its way. `way`: the control file comes last, or first, or never; or it is renamed when whole."""

    path: Path
    content: bytes
    way: str
    total: str
    sent: int = 0

    @property
    def whole(self) -> bool:
        return self.sent == len(self.content)

    @property
    def control(self) -> Path:
        return self.path.with_suffix(".ctl")

    def write(self, rng: Random) -> None:
        """Some more of it, wherever that cuts."""
        end = min(len(self.content), self.sent + rng.randint(1, max(2, len(self.content) // 6)))
        if self.sent == 0 and self.way == "control first":
            self._announce()
        where = self.path.with_name(self.path.name + ".part") if self.way == "renamed" else self.path
        with where.open("ab") as file:
            file.write(self.content[self.sent : end])
        self.sent = end
        if self.whole:
            if self.way == "renamed":
                where.rename(self.path)
            elif self.way == "control last":
                self._announce()

    def _announce(self) -> None:
        lines = self.content.count(b"\r\n") - 1
        beside = self.control.with_name(self.control.name + ".tmp")
        beside.write_bytes(f"LIGNES={lines}\r\nDEPOT={self.total}\r\n".encode())
        beside.rename(self.control)


@dataclass
class UploadTally:
    """What the reader got: whole files, files refused because they were not whole, and partial reads. `too_early`:
    files without control file that were taken for finished and were not."""

    files: int = 0
    whole: int = 0
    looks: int = 0
    looks_at_unfinished: int = 0
    refused: int = 0
    too_early: int = 0
    partial: list[str] = field(default_factory=list)


@dataclass
class _Writer:
    """Writes a window of files at a time, a piece each, lets time go by, and waits for the reader's next look."""

    uploads: list[Upload]
    clock: WriterClock
    rng: Random
    tally: UploadTally
    stop: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None

    def run(self) -> None:
        try:
            waiting = list(self.uploads)
            while not self.stop.is_set():
                for one in [one for one in waiting if not one.whole][:WINDOW]:
                    one.write(self.rng)
                waiting = [one for one in waiting if not one.whole]
                self.clock.tick()
                looks, waited = self.tally.looks, 0
                while self.tally.looks == looks and waited < 50 and not self.stop.wait(0.01):
                    waited += 1
        except BaseException as error:
            self.error = error


def run_uploads(folder: Path, seed: int, count: int) -> UploadTally:
    """Read `count` files while they are written."""
    rng = Random(f"uploads/{seed}")
    tally = UploadTally(files=count)
    with file_server(folder) as server:
        uploads = [_upload(server.root, rng, number) for number in range(count)]
        clock = WriterClock()
        writer = _Writer(uploads, clock, rng, tally)
        thread = threading.Thread(target=writer.run, daemon=True)
        thread.start()
        try:
            _read_all(folder, door(server), clock, uploads, tally, writer)
        finally:
            writer.stop.set()
            thread.join()
        if writer.error is not None:
            raise writer.error
    return tally


def _upload(root: Path, rng: Random, number: int) -> Upload:
    way = ("control last", "settles", "renamed", "control first")[number % 4]
    kind = "ctl" if way.startswith("control") else "alone"
    folder = root / kind
    (folder / "archives").mkdir(parents=True, exist_ok=True)
    contracts = invent(_FORM, rng.randint(3, 40), number)
    # With a sum, and no nought at its end, a control file that came too early knows of a cut in the last cell as well.
    contracts[-1] = replace(contracts[-1], deposit=12_345)
    total = _FORM.amount(sum(one.deposit or 0 for one in contracts))
    lines = [csv_line(_FORM, COLUMNS), *(csv_line(_FORM, list(_FORM.cells(one).values())) for one in contracts)]
    content = "".join(f"{line}\r\n" for line in lines).encode(_FORM.encoding)
    return Upload(folder / f"F_20261120_{number:06d}.csv", content, way, total)


def feed_for(form: Form, kind: str) -> Feed:
    """Files with a control file, or alone."""
    table = form.table(sums=True) | {"mode": "delta", "files": f"{kind}/F_{{date:%Y%m%d}}_{{seq}}.csv"}
    table["control_keys"] = {"decimal": form.decimal, "sums": {"DEPOT": "DEPOT"}}
    if kind == "alone":
        del table["control"]
    return make_feed(SftpFilesConnector, kind, table)


def _read_all(
    folder: Path,
    settings: dict[str, object],
    clock: WriterClock,
    uploads: list[Upload],
    tally: UploadTally,
    writer: _Writer,
) -> None:
    feeds = [feed_for(_FORM, "ctl"), feed_for(_FORM, "alone")]
    wanted = {one.path.name: one for one in uploads}
    context = make_context(folder / "own", clock=clock, network=LOCAL_NETWORK, state=MemoryState())
    own = SftpFilesConnector.settings_model.model_validate(
        {**settings, "settle_seconds": SETTLE_SECONDS, "archive": "{folder}/archives/{name}"}
    )
    connector = SftpFilesConnector(own, context)
    try:
        while wanted:
            if writer.error is not None:
                return
            for feed in feeds:
                tally.looks += 1
                for artifact in connector.discover(feed):
                    tally.looks_at_unfinished += not artifact.stable
                    if artifact.stable and _take(connector, feed, artifact, folder, wanted, tally):
                        connector.done(feed, artifact)
    finally:
        connector.close()


def _take(
    connector: SftpFilesConnector,
    feed: Feed,
    artifact: Artifact,
    folder: Path,
    wanted: dict[str, Upload],
    tally: UploadTally,
) -> bool:
    """Fetch and read one; whether it was taken."""
    into = io.BytesIO()
    try:
        connector.fetch(feed, artifact, into)
    except RetryableError:
        tally.refused += 1  # it grew meanwhile
        tally.too_early += feed.name == "alone"
        return False
    name = Path(artifact.name).name
    path = folder / name
    path.write_bytes(into.getvalue())
    try:
        rows = sum(len(batch.rows) for batch in connector.read(feed, Spooled(artifact.name, path, artifact)))
    except InputRefusedError:
        tally.refused += 1  # announced before it was there: it is looked at again
        tally.too_early += feed.name == "alone"
        return False
    one = wanted.pop(name)
    got = into.getvalue()
    is_whole = got == one.content or (one.way == "control first" and got.rstrip() == one.content.rstrip())
    if not is_whole or rows != one.content.count(b"\r\n") - 1:
        tally.partial.append(f"{name} ({one.way}): {len(got)} of {len(one.content)} bytes")
    tally.whole += is_whole
    return True


# --- one content under three names ------------------------------------------------------------------------------------


@dataclass
class NamesTally:
    """Contents sent under three names each, and what became of them."""

    contents: int = 0
    applied: int = 0
    artifacts: int = 0
    faults: list[str] = field(default_factory=list)


async def run_names(hub: Hub, seed: int, contents: int) -> NamesTally:
    """Each content comes under three names, in one night or in three: it is applied once."""
    rng, slug, tally = Random(f"names/{seed}"), "fuzz-names", NamesTally(contents)
    (hub.root / slug).mkdir()
    table = _FORM.table(sums=False) | {"mode": "delta", "files": "in/F_{date:%Y%m%d}_{seq}.csv"}
    table["control_keys"] = {"count": "LIGNES"}
    await hub.apply(slug, contracts=table)
    for number in range(contents):
        one = invent(_FORM, 5, seed * 1000 + number)
        rows = [
            csv_line(_FORM, [f"N{number:04d}{at}", *list(_FORM.cells(each).values())[1:]])
            for at, each in enumerate(one)
        ]
        content = "".join(f"{line}\r\n" for line in [csv_line(_FORM, COLUMNS), *rows]).encode(_FORM.encoding)
        added = 0
        for name in range(3):
            hub.clock.move(days=1)
            path = hub.root / slug / f"F_{hub.clock.now():%Y%m%d}_{name}.csv"
            path.write_bytes(content)
            path.with_suffix(".ctl").write_bytes(b"LIGNES=5\r\n")
            if name == 2 or rng.random() < 0.7:
                added += (await hub.sync(slug, "contracts")).added
        if added != 5:
            tally.faults.append(f"content {number}: {added} rows were added, not 5")
    (held,) = await hub.ask(slug, "select count(*) as rows, count(distinct reference) as kinds from contract")
    tally.artifacts = (await hub.ask(slug, "select count(*) from artifact where state = 'applied'"))[0][0]
    tally.applied = held.rows // 5
    if held.rows != 5 * contents or tally.artifacts != contents:
        tally.faults.append(f"{held.rows} contracts of {tally.artifacts} applied contents, not of {contents}")
    return tally
