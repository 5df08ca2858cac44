"""The campaign over malformed files: made, read, judged and counted, in as many processes as asked for."""

from __future__ import annotations

import gc
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import fuzz_archives
import fuzz_controls
import fuzz_markup
import fuzz_tables
import fuzz_text
import fuzz_values
from fuzz_cases import MUTATIONS, make_case
from fuzz_reading import Outcome, read, verdict

KINDS = (fuzz_archives, fuzz_controls, fuzz_markup, fuzz_tables, fuzz_text, fuzz_values)  # registered by their import


@dataclass(frozen=True)
class Judged:
    """One case, read and judged."""

    index: int
    kind: str
    form: str
    detectable: bool
    refused: bool
    fault: str | None
    seconds: float
    peak: int


@dataclass
class Tally:
    """The counts of a campaign."""

    seed: int
    judged: list[Judged] = field(default_factory=list)

    @property
    def faults(self) -> list[Judged]:
        return [one for one in self.judged if one.fault]

    def lines(self) -> list[str]:
        """Counts by kind, then the whole."""
        kinds, bad = Counter(one.kind for one in self.judged), Counter(one.kind for one in self.faults)
        told = Counter((one.kind, "d" if one.detectable else "b") for one in self.judged)
        rows = [
            f"  {kind:<62} {kinds[kind]:>5}   {told[kind, 'd']:>5} detectable  {told[kind, 'b']:>5} benign"
            + (f"   {bad[kind]} WRONG" if bad[kind] else "")
            for kind in sorted(kinds)
        ]
        forms = ", ".join(f"{form} {count}" for form, count in sorted(Counter(one.form for one in self.judged).items()))
        slow, large = max(one.seconds for one in self.judged), max(one.peak for one in self.judged)
        detectable = sum(one.detectable for one in self.judged)
        refused = sum(one.refused for one in self.judged)
        crashes = sum((one.fault or "").startswith("crash") for one in self.judged)
        return [
            *rows,
            f"  {len(self.judged):,} files, {len(kinds)} kinds ({forms})",
            f"  {detectable:,} detectable ({refused:,} refused whole, the others named by line), "
            f"{len(self.judged) - detectable:,} benign; {crashes} crashes, {len(self.faults)} wrong",
            f"  the slowest took {slow:.2f} s of processor, the largest {large / 1e6:.0f} MB above idle",
        ]


def run_files(seed: int, indices: Iterable[int], *, jobs: int = 1, keep: Path | None = None) -> Tally:
    """Judge the cases of a seed with these numbers; the files of those that fail are kept in `keep`."""
    work = partial(_judge_some, seed, keep)
    wanted = list(indices)
    parts = [wanted[at : at + 50] for at in range(0, len(wanted), 50)]
    tally = Tally(seed)
    if jobs == 1:
        for part in parts:
            tally.judged += work(part)
        return tally
    # Polars has threads of its own: a forked child would wait for them for ever.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for judged in pool.imap_unordered(work, parts):
            tally.judged += judged
    return tally


def _judge_some(seed: int, keep: Path | None, indices: list[int]) -> list[Judged]:
    gc.collect()
    gc.freeze()  # what is loaded by now stays, and need not be looked through for each file
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        return [judge(seed, index, Path(folder), keep) for index in indices]


def judge(seed: int, index: int, folder: Path, keep: Path | None = None) -> Judged:
    """Make, read and judge one case."""
    case = make_case(seed, index)
    outcome: Outcome = read(case, folder)
    fault = verdict(case, outcome)
    if fault is not None and keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{seed}-{index}-{case.form}.bin").write_bytes(case.data)
        (keep / f"{seed}-{index}-{case.form}.ctl").write_bytes(case.control or b"")
    return Judged(
        index, case.kind, case.form, case.detectable, outcome.refused is not None, fault, outcome.seconds, outcome.peak
    )


def kinds() -> int:
    """How many kinds of mutation there are."""
    return len(MUTATIONS)
