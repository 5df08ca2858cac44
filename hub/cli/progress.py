"""Telling a person what happens while it happens: one line per step, with its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.markup import escape

from hub.cli.output import console

LABEL, _RESULT = 64, 8


@dataclass(slots=True)
class Step:
    """A step that is being done; its label and result may be made more precise while it goes on."""

    label: str
    result: str = "done"


class Story:
    """What `up` and `demo` tell: sentences, and steps with a spinner on a terminal and one line when they are done."""

    def say(self, text: str) -> None:
        """A line of its own."""
        console.print(f"  {escape(text)}".rstrip(), soft_wrap=True)

    @contextmanager
    def step(self, label: str, result: str = "done") -> Iterator[Step]:
        """Do something that takes a moment; a failed step leaves no line, its error is told by whoever catches it."""
        step, began = Step(label, result), time.monotonic()
        with console.status(escape(label), spinner="dots"):
            yield step
        self.say(timed(f"{step.label:<{LABEL}} {step.result}", time.monotonic() - began))


def timed(text: str, took: float) -> str:
    """A line that ends with the seconds it took, below those of the other lines where it is short enough."""
    return f"{text:<{LABEL + _RESULT + 1}} {took:>4.{0 if took >= 10 else 1}f} s"


def short(path: str, *, room: int = 40) -> str:
    """A path that fits into a line: its end, after an ellipsis where it is longer."""
    return path if len(path) <= room else f"…{path[1 - room :]}"


def show_cursor() -> None:
    """Give the terminal its cursor back, after a progress bar was left behind."""
    console.show_cursor(True)
