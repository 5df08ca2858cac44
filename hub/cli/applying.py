"""Putting landlord files in force: who does it, and the `# base:` line that moves on with the version."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.bootstrap import OperatorParts
    from hub.services.apply_config import Applied


def operator() -> str:
    """Who types the command, as the system knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


async def apply_all(
    parts: OperatorParts, files: Sequence[Path], *, by: str, note: str | None, force: bool
) -> list[Applied]:
    """Apply landlord files in order, all judged before the first is put in force."""
    from hub.config import read_landlord
    from hub.services.apply_config import apply_config

    own, done = parts.sync, []
    for file, config in [(file, read_landlord(file, own.registry)) for file in files]:
        applied = await apply_config(own.engine, own.vault, own.clock, config, by=by, note=note, force=force)
        if config.base is not None:
            applied = _moved_on(file, applied)
        done.append(applied)
    return done


def _moved_on(file: Path, applied: Applied) -> Applied:
    """The file's `# base:` line names the version it has become: the next change of it is made from that."""
    from hub.config.base_line import with_base

    try:
        text = file.read_bytes().decode("utf-8")
        moved = with_base(text, applied.version)
        if moved != text:
            file.write_bytes(moved.encode("utf-8"))
    except OSError as error:
        line = f"# base: version {applied.version}"
        told = f"{file} cannot be written ({error.strerror}): write `{line}` there before you change it again"
        return replace(applied, warnings=(*applied.warnings, told))
    return applied
