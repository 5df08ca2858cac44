"""`make fuzz`: malformed files, bad snapshots, files read while they are written. Prints the seed and the counts."""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
import tempfile
import time
from pathlib import Path

import structlog
from fuzz_files import run_files
from fuzz_guard import run_guard
from fuzz_hub import open_hub, own_database
from fuzz_nights import run_nights
from fuzz_uploads import run_names, run_uploads

KEEP = Path(".housing-hub/fuzz")
PARTS = ("files", "nights", "guard", "uploads")


def main() -> int:
    """0 when all is as it should be."""
    asked = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)  # a refused file is what is wanted here
    seed = asked.seed if asked.seed is not None else secrets.randbelow(10**6)
    print(f"seed {seed}: the same again with make fuzz ARGS='--seed {seed}'", flush=True)
    faults: list[str] = []
    if "files" in asked.parts:
        faults += _files(seed, asked.files, asked.jobs)
    if "uploads" in asked.parts:
        faults += _uploads(seed, asked.uploads)
    if {"nights", "guard", "uploads"} & set(asked.parts):
        faults += asyncio.run(_with_a_hub(seed, asked))
    for fault in faults:
        print(f"WRONG {fault}")
    print(f"seed {seed}: {len(faults)} wrong" if faults else f"seed {seed}: all as it should be")
    return 1 if faults else 0


def replay(seed: int, index: int) -> int:
    """One case again, its files kept."""
    tally = run_files(seed, [index], keep=KEEP)
    (one,) = tally.judged
    print(f"seed {seed}, case {index}, {one.kind}, {one.form}: {one.fault or 'as it should be'}")
    return 1 if one.fault else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="without one, another each time")
    parser.add_argument("--files", type=int, default=10_000, help="malformed files to read")
    parser.add_argument("--nights", type=int, default=300, help="of them, through a whole night into the database")
    parser.add_argument("--snapshots", type=int, default=1_000, help="bad snapshots, each sent twice")
    parser.add_argument("--ordinary", type=int, default=200, help="ordinary nights, none of which may be held")
    parser.add_argument("--uploads", type=int, default=500, help="files read while they are written")
    parser.add_argument("--names", type=int, default=20, help="contents sent under three names each")
    parser.add_argument("--jobs", type=int, default=2, help="processes that read files")
    parser.add_argument("--only", dest="parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--case", type=int, help="only this malformed file of the seed")
    asked = parser.parse_args()
    if asked.case is not None:
        sys.exit(replay(asked.seed or 0, asked.case))
    return asked


def _files(seed: int, count: int, jobs: int) -> list[str]:
    began = time.monotonic()
    tally = run_files(seed, range(count), jobs=jobs, keep=KEEP)
    print("malformed files", *tally.lines(), f"  {time.monotonic() - began:.0f} s", sep="\n", flush=True)
    return [
        f"seed {seed}, case {one.index}, {one.kind}, {one.form}: {one.fault} (the file is in {KEEP})"
        for one in tally.faults
    ]


def _uploads(seed: int, count: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        tally = run_uploads(Path(folder), seed, count)
    print(
        f"files read while they are written: {tally.whole} of {tally.files} whole, {len(tally.partial)} partial reads; "
        f"{tally.looks_at_unfinished} looks at unfinished ones, {tally.refused} refused that were announced too early",
        flush=True,
    )
    faults = list(tally.partial)
    faults += ["not all files were read whole"] if tally.whole != tally.files else []
    return faults + ([f"{tally.too_early} files were taken before they stood still"] if tally.too_early else [])


async def _with_a_hub(seed: int, asked: argparse.Namespace) -> list[str]:
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        async with own_database(folder) as url, open_hub(url, folder) as hub:
            if "uploads" in asked.parts:
                names = await run_names(hub, seed, asked.names)
                print(f"one content under three names: {names.contents} contents, each applied once", flush=True)
                faults += names.faults
            if "nights" in asked.parts:
                nights = await run_nights(hub, seed, asked.nights)
                said = ", ".join(f"{count} {state}" for state, count in sorted(nights.states.items()))
                print(f"whole nights: {nights.count} files of {len(nights.kinds)} kinds: {said}", flush=True)
                faults += nights.faults
            if "guard" in asked.parts:
                guard = await run_guard(hub, seed, bad=asked.snapshots, nights=asked.ordinary)
                said = ", ".join(f"{one} {count}" for one, count in sorted(guard.said.items()))
                print(
                    f"bad snapshots of 10,000 contracts, each sent twice: {said}; {guard.holds} holds, "
                    f"{guard.closed} contracts closed\nordinary nights: {guard.nights}, {guard.calls} rent calls "
                    f"among them, {len(guard.false_holds)} held",
                    flush=True,
                )
                faults += guard.faults + guard.false_holds
                faults += [f"{guard.closed} contracts were closed"] if guard.closed else []
    return faults


if __name__ == "__main__":
    sys.exit(main())
