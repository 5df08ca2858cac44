"""Whoever reads a file renames it: a refused file is put aside once its refusal is noted, an applied one as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erp_connectors.sftp_files import SftpFilesConnector
from hub.errors import UnreachableError
from hub.sandbox.files import truncate

SFTP = "cite-des-tilleuls"
NAMES = 'plugin = "sftp_files"\narchive = "{folder}/OK_{name}"\nrefused = "{folder}/NOK_{name}"\n'


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*CTR_*.csv"))


def cut_next(house: Any) -> Path:
    """Let a night pass at the ERP whose contract file is cut; gives that file."""
    day = house.sandbox.advance(days=1)
    house.clock.move(days=1)
    path = Path(house.sandbox.root / f"contrats/CTR_{day:%Y%m%d}.csv")
    truncate(path)
    return path


async def test_a_good_file_becomes_ok_and_a_cut_one_nok(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await house.apply(SFTP, lambda text: text.replace('plugin = "sftp_files"\n', NAMES, 1))
    first = await house.sync(SFTP)
    assert {"applied"} == {report.state for report in first.feed_runs}
    folder = Path(house.sandbox.root / "contrats")
    assert names(folder)
    assert all(name.startswith("OK_") for name in names(folder))

    path = cut_next(house)
    with monkeypatch.context() as broken:
        broken.setattr(SftpFilesConnector, "refused", _away)
        report = await house.feed(SFTP, "contracts")
    assert ("refused", "INPUT_REFUSED") == (report.state, report.error_code)
    assert path.name in names(folder)

    # As after a kill between the note and the move: the next look finds the file, refuses it again, and moves it.
    report = await house.feed(SFTP, "contracts")
    assert ("refused", "INPUT_REFUSED") == (report.state, report.error_code)
    assert f"NOK_{path.name}" in names(folder)
    assert path.name not in names(folder)

    report = await house.feed(SFTP, "contracts")
    assert "INPUT_REFUSED" != report.error_code


def _away(*_: object) -> None:
    raise UnreachableError("the connection broke off")
