"""Telling a person what happens while it happens: one line per step, with its time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.markup import escape

from hub.cli.output import console

_WIDTH = 64


@dataclass(slots=True)
class Step:
    """A step that is being done; its label and result may be made more precise while it goes on."""

    label: str
    result: str = "done"


class Story:
    """What `up` and `demo` tell: sentences, and steps with a spinner on a terminal and one line when they are done."""

    def say(self, text: str) -> None:
        """A line of its own."""
        console.print(f"  {escape(text)}", soft_wrap=True)

    @contextmanager
    def step(self, label: str, result: str = "done") -> Iterator[Step]:
        """Do something that takes a moment; a failed step leaves no line, its error is told by whoever catches it."""
        step, began = Step(label, result), time.monotonic()
        with console.status(escape(label), spinner="dots"):
            yield step
        took = time.monotonic() - began
        self.say(f"{step.label:<{_WIDTH}} {step.result:<8} {took:>3.{0 if took >= 10 else 1}f} s")


def show_cursor() -> None:
    """Give the terminal its cursor back, after a progress bar was left behind."""
    console.show_cursor(True)
