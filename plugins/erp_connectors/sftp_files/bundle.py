"""Documents: the files an index names, in a zip beside it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from posixpath import basename
from typing import BinaryIO

from erp_connectors.sftp_files.patterns import FilePattern
from hub.errors import InputRefusedError
from hub.ports import Spooled
from hub.wire import ZipArchive

_IN_MEMORY = 4 * 1024**2


class Bundles:
    """Opens files of bundles; the last bundle stays open, since a month's files are taken one after the other."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._path: Path | None = None
        self._archive: ZipArchive | None = None

    def open(self, spooled: Spooled, pattern: FilePattern, bundle: str | None, file_name: str) -> BinaryIO:
        """One file, seekable. `spooled` is the bundle itself, or the index beside which it was spooled."""
        archive = self._at(_bundle_path(spooled, pattern, bundle))
        content: BinaryIO = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # type: ignore[assignment]  # noqa: SIM115  # the caller's to close
        try:
            with archive.open(file_name) as entry:
                shutil.copyfileobj(entry, content)
        except BaseException:
            content.close()
            raise
        content.seek(0)
        return content

    def close(self) -> None:
        self._open.close()
        self._path = self._archive = None

    def _at(self, path: Path) -> ZipArchive:
        if self._archive is None or self._path != path:
            self.close()
            with ExitStack() as opening:
                packed = opening.enter_context(path.open("rb"))
                self._archive = opening.enter_context(ZipArchive(packed, file=path.name))
                self._open, self._path = opening.pop_all(), path
        return self._archive


def _bundle_path(spooled: Spooled, pattern: FilePattern, bundle: str | None) -> Path:
    found = pattern.match(basename(spooled.name))
    if found is None:
        return spooled.path
    if bundle is None:
        raise InputRefusedError(f"{spooled.name} names files but has no bundle", hint="set bundle for this feed")
    names = (found.fill(bundle), basename(found.fill(bundle)), found.fill(bundle).replace("/", "_"))
    places = [spooled.path.parent / name for name in names]
    return next((place for place in places if place.is_file()), places[0])
