"""`python -m hub.sandbox`: serve a folder's world until told to stop, or print its truth."""

from __future__ import annotations

import argparse
import json
import logging
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hub.errors import HubError
from hub.sandbox.server import LANDLORDS, Sandbox, truth_of
from hub.sandbox.truth import summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 stopped as asked or truth printed; 1 a port or the folder is taken, or no world; 2 wrong usage."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.truth:
            held = truth_of(asked.dir, asked.truth)
            _say(held if asked.full else summary(held), indent=2)
            return 0
        return _serve(asked)
    except (OSError, ValueError, HubError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 1


def _serve(asked: argparse.Namespace) -> int:
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    with _told_to_stop() as told:
        sandbox = Sandbox(
            asked.dir,
            seed=asked.seed,
            contracts=asked.contracts,
            today=asked.today or datetime.now(ZoneInfo("Europe/Paris")).date(),
            soap_port=asked.soap_port,
            sftp_port=asked.sftp_port,
            lakeside_port=asked.lakeside_port,
            payments_port=asked.payments_port,
        )
        with sandbox:
            _say(sandbox.state)
            while not told(asked.advance_every):
                sandbox.advance()
    return 0


@contextmanager
def _told_to_stop() -> Iterator[Callable[[float | None], bool]]:
    """A wait of so many seconds (for ever if None) that SIGTERM and SIGINT end: true when one came.

    Both are set by hand, since a background shell hands down an ignored SIGINT; the wait is on a descriptor, since a
    signal that comes just before a wait on a lock does not end it.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    signal.set_wakeup_fd(theirs.fileno())
    try:
        yield lambda seconds: bool(select.select([ours], [], [], seconds)[0])
    finally:
        signal.set_wakeup_fd(-1)
        ours.close()
        theirs.close()


def _say(facts: dict[str, Any], *, indent: int | None = None) -> None:
    """JSON, at once; one line unless indented."""
    sys.stdout.write(json.dumps(facts, ensure_ascii=False, indent=indent) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hub.sandbox", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="folder of the world: state, secrets, files")
    parser.add_argument("--soap-port", type=int, default=0, help="0: that of last time, or any")
    parser.add_argument("--sftp-port", type=int, default=0, help="0: that of last time, or any")
    parser.add_argument("--lakeside-port", type=int, default=0, help="0: that of last time, or any")
    parser.add_argument("--payments-port", type=int, default=0, help="0: that of last time, or any")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--contracts",
        type=int,
        help="of each landlord; at least 10 (312, 287 and 60 unless told; Lakeside Homes has no more than 60)",
    )
    parser.add_argument("--today", type=date.fromisoformat, help="the world's day, YYYY-MM-DD (today unless told)")
    parser.add_argument("--advance-every", type=_seconds, help="let a day pass every so many seconds")
    parser.add_argument("--truth", choices=sorted(LANDLORDS), help="print the truth of DIR's world and exit")
    parser.add_argument("--full", action="store_true", help="with --truth: every account's sums and balances too")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError("a day takes some time: give a number of seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
