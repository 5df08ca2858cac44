"""A spool for one look, in a folder that goes away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hub.ports import Spooled


class Scratch:
    """Keeps replies in `folder` as long as it stands."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        with (self._folder / name).open("wb") as sink:
            yield sink

    def get(self, name: str) -> Spooled:
        return Spooled(name, self._folder / name)


@contextmanager
def scratch(within: Path) -> Iterator[Scratch]:
    with tempfile.TemporaryDirectory(prefix="look-", dir=within) as folder:
        yield Scratch(Path(folder))
