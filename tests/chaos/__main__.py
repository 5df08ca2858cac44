"""`make chaos`: everything a hub consists of is killed again and again; afterwards nothing is lost and nothing doubled.

Exits with 0 when all is as it would have been undisturbed, with 1 and a sentence for each difference otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from blows import draw, told
from fleet import BOTH, Fleet, HarnessError
from mortal_process import MISTAKES
from nights import Story
from nursery import Nursery
from onlookers import Told
from payment_story import payments
from trials import broker, neighbour, poison
from verdict import differences, digest

TRIALS = ("nights", "broker", "poison", "neighbour", "payments")


def main() -> int:
    parser = _parser()
    asked = parser.parse_args()
    if unknown := set(asked.trials) - set(TRIALS):
        parser.error(f"no such trial: {', '.join(sorted(unknown))}")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    wrong: list[str] = []
    try:
        wrong += asyncio.run(_all(asked, folder))
    except* HarnessError as errors:
        wrong += [str(error) for error in errors.exceptions]
    for sentence in wrong:
        _say(f"WRONG  {sentence}")
    if wrong:
        _say(f"seed {asked.seed}; logs are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0


async def _all(asked: argparse.Namespace, folder: Path) -> list[str]:
    """Each trial asked for, one after the other."""
    wrong: list[str] = []
    for trial in asked.trials or TRIALS:
        match trial:
            case "nights":
                wrong += await _nights(asked, folder)
            case "broker":
                wrong += await broker(folder, seed=asked.seed, kills=asked.broker_kills, say=_say)
            case "poison":
                wrong += await poison(folder, say=_say, count=asked.poison_jobs, killers=asked.killers)
            case "neighbour":
                wrong += await neighbour(folder, say=_say)
            case "payments":
                wrong += await payments(
                    folder,
                    seed=asked.seed,
                    kills=asked.kills,
                    count=asked.payments,
                    workers=asked.workers,
                    mistake=asked.mistake,
                    say=_say,
                    aside=_voice(asked),
                )
    return wrong


async def _nights(asked: argparse.Namespace, folder: Path) -> list[str]:
    """The same nights in two hubs beside each other: in one with blows, in the other without."""
    blows = draw(asked.seed, asked.kills, workers=asked.workers)
    _say(f"seed {asked.seed}: {told(blows)}")
    began = time.monotonic()
    mistake = {"mistake": asked.mistake} if asked.mistake else {}
    with _hook() as hook, _hook() as other, closing(Nursery(folder / "nursery.log")) as nursery:
        mortal = Fleet(folder / "struck", workers=asked.workers, hook=hook.url, asked=mistake, nursery=nursery)
        spared = Fleet(folder / "calm", workers=1, hook=other.url, nursery=nursery)
        struck = Story(mortal, hook, seed=asked.seed, blows=blows, say=_voice(asked))
        calm = Story(spared, other, seed=asked.seed, follows=struck, say=_voice(asked))
        async with asyncio.TaskGroup() as both:
            for story in (struck, calm):
                both.create_task(story.live())
    _report(struck, calm, seconds=time.monotonic() - began)
    wrong = list(differences(struck, calm))
    if wrong:
        _keep(folder, struck, calm)
    return wrong


def _report(struck: Story, calm: Story, *, seconds: float) -> None:
    lived, facts = struck.lived, struck.lived.facts
    _say(f"fell     {told(lived.struck)}; {lived.zombies} worker frozen over a night")
    _say(
        f"nights   {lived.nights}; runs asked {lived.asked}, of them again in the morning {lived.asked_again}; jobs "
        f"{facts['jobs']}, taken up again {facts['taken up again']} times, replayed by hand {lived.replayed}"
    )
    _say(f"told     {len(struck.told.messages)} messages, repeated {struck.told.repeats}")
    answers, away = sum(one.answers for one in struck.tenants), sum(one.away for one in struck.tenants)
    back = f"; back at most {max(lived.back):.1f} s after a kill" if lived.back else ""
    _say(f"API      {answers} answers, {away} times away{back}")
    for slug in BOTH:
        mine, other = digest(lived.dumps[slug]), digest(calm.lived.dumps[slug])
        lines = len(calm.lived.dumps[slug].splitlines())
        _say(f"dump     {slug}: {mine}, undisturbed {other}, {lines} lines")
    _say(f"took     {seconds:.0f} s, the undisturbed nights beside it {calm.lived.seconds:.0f} s")


def _keep(folder: Path, *stories: Story) -> None:
    for name, story in zip(("struck", "calm"), stories, strict=True):
        for slug, dump in story.lived.dumps.items():
            (folder / f"{name}-{slug}.dump").write_text(dump, encoding="utf-8")


@contextmanager
def _hook() -> Iterator[Told]:
    hook = Told()
    try:
        yield hook
    finally:
        hook.close()


def _voice(asked: argparse.Namespace) -> Callable[[str], None]:
    return _say if asked.verbose else lambda sentence: None


def _say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("trials", nargs="*", metavar="trial", help=f"{', '.join(TRIALS)}; all unless told")
    parser.add_argument("--kills", type=int, default=500, help="SIGKILLs during the nights, all kinds together")
    parser.add_argument("--broker-kills", type=int, default=20, help="SIGKILLs of the broker in the trial of that name")
    parser.add_argument("--poison-jobs", type=int, default=100, help="jobs that go wrong every time")
    parser.add_argument("--killers", type=int, default=1, help="how many of them kill their worker")
    parser.add_argument("--payments", type=int, default=4000, help="payments in the trial of that name")
    parser.add_argument("--workers", type=int, default=3, help="worker processes that are killed")
    parser.add_argument("--seed", type=int, default=1, help="of the blows and of the nights between them")
    parser.add_argument("--mistake", choices=MISTAKES, help="build a mistake in: the trial has to find it out")
    parser.add_argument("--verbose", action="store_true", help="say each night")
    return parser


if __name__ == "__main__":
    sys.exit(main())
