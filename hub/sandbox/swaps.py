"""Files of an export that stand wrong for a while: the good ones are kept beside, and put back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

_WAS_NOT_THERE = ".absent"


_SENT_AGAIN = 3_600  # seconds after the bad one


class Swaps:
    """What was kept lies in `kept` under the same names, so that a restart finds it."""

    def __init__(self, root: Path, kept: Path) -> None:
        self._root, self._kept = root, kept

    def keep(self, paths: Iterable[Path]) -> None:
        """Before files are changed, made or removed. The first version kept is the good one."""
        for path in paths:
            place = self._kept / path.relative_to(self._root)
            mark = place.with_name(place.name + _WAS_NOT_THERE)
            if place.exists() or mark.exists():
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                beside = place.with_name(place.name + ".tmp")
                shutil.copy2(path, beside)
                beside.replace(place)
            else:
                mark.touch()

    def put_back(self) -> list[str]:
        """The good files again, data before their control files; gives the names of those that changed."""
        changed = []
        found = (path for path in self._kept.rglob("*") if path.is_file() and path.suffix != ".tmp")
        for place in sorted(found, key=lambda path: (".ctl" in path.suffixes, path)):
            name = place.relative_to(self._kept).as_posix().removesuffix(_WAS_NOT_THERE)
            if place.name.endswith(_WAS_NOT_THERE):
                (self._root / name).unlink(missing_ok=True)
                place.unlink()
            else:
                _send_again(place, self._root / name)
            changed.append(name)
        shutil.rmtree(self._kept, ignore_errors=True)
        return changed


def _send_again(good: Path, path: Path) -> None:
    """Put a file in its place as its sender would: later than what stands there."""
    standing = path.stat().st_mtime if path.exists() else 0.0
    sent = max(standing, good.stat().st_mtime) + _SENT_AGAIN
    os.utime(good, (sent, sent))
    good.replace(path)
