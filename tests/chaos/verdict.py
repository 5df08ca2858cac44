"""What is right afterwards, and what is not: sentences, none of them when all is well."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from nights import Lived, Story
from onlookers import Told

ZERO = (
    "runs without an end",
    "jobs not done",
    "slots with two runs",
    "inputs claimed and not settled",
    "documents without their file",
    "holds that wait",
    "problems still open",
    "folders left in the spool",
)
STRIKES_A_SENDER = ("workers", "mid-write", "freeze", "database")


def differences(struck: Story, calm: Story) -> Iterator[str]:
    """All that is not as it would have been."""
    for slug, dump in calm.lived.dumps.items():
        if (found := struck.lived.dumps[slug]) != dump:
            yield f"{slug}: the dump differs ({_missing(dump, found)} lines missing, {_missing(found, dump)} too many)"
    for name, story in (("struck", struck), ("undisturbed", calm)):
        yield from (f"{name}: {sentence}" for sentence in _own(story))
    yield from _messages(struck, calm.told)
    if len(struck.lived.struck) > 5 and not struck.lived.facts["taken up again"]:
        yield "no blow ever hit a job"


def digest(dump: str) -> str:
    return hashlib.sha256(dump.encode()).hexdigest()[:16]


def _missing(wanted: str, found: str) -> int:
    return len(set(wanted.splitlines()) - set(found.splitlines()))


def _own(story: Story) -> Iterator[str]:
    lived: Lived = story.lived
    for fact in ZERO:
        if lived.facts[fact]:
            yield f"{fact}: {lived.facts[fact]}"
    if lived.facts["runs"] < lived.asked:
        yield f"{lived.asked} runs were asked for, and {lived.facts['runs']} are known"
    for name, code in lived.codes.items():
        if code:
            yield f"{name} ended with code {code} when told to stop"
    for tenant in story.tenants:
        if not tenant.answers:
            yield f"{tenant.url} never answered"
        if tenant.wrong:
            yield f"{len(tenant.wrong)} wrong answers of {tenant.url}, the first: {tenant.wrong[0]}"


def _messages(struck: Story, undisturbed: Told) -> Iterator[str]:
    """Told at least once; told again only where a blow came between sending and noting that it was sent."""
    for event, count in undisturbed.counts.items():
        if struck.told.counts[event] < count:
            yield f"{count} messages '{event}' are due, {struck.told.counts[event]} were sent"
    most = sum(blow.kind in STRIKES_A_SENDER for blow in struck.lived.struck)
    if struck.told.repeats > most:
        yield f"{struck.told.repeats} messages were repeated, after {most} blows"
