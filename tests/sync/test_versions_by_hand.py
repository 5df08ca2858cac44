"""The commands an operator types about a file's versions, over a real database."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hub.cli.app import build
from hub.cli.exits import Exit, exit_code
from hub.errors import ConflictError

SFTP = "cite-des-tilleuls"


@pytest.fixture
def typed(house: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Types a command to a hub of its own; the command's output."""
    monkeypatch.setenv("HOUSING_HUB_DATABASE_URL", house.settings.database_url)
    monkeypatch.setenv("HOUSING_HUB_MASTER_KEY", house.settings.master_key.get_secret_value())
    monkeypatch.setenv("HOUSING_HUB_DATA_DIR", str(house.settings.data_dir))

    async def command(*words: object) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, build(), [*map(str, words)])
        if done.exception is not None:
            raise done.exception
        return done.stdout

    return command


async def test_export_edit_apply_and_back(house: Any, typed: Any) -> None:
    original, mine = house.files[SFTP], house.files[SFTP].with_name("mine.toml")
    await typed("apply", original, "--by", "marie")
    await typed("export", SFTP, "-o", mine)
    assert mine.read_text().startswith("# base: version 1\n# Cité des Tilleuls")
    for number, name in ((2, "Les Tilleuls"), (3, "Cité des Tilleuls Habitat")):
        _rename(mine, name)
        assert f"version {number}" in await typed("apply", mine, "--by", "paul", "--note", name)
        assert mine.read_text().startswith(f"# base: version {number}\n")
    with pytest.raises(ConflictError) as caught:
        await typed("apply", original)
    assert exit_code(caught.value) is Exit.CONFLICT
    assert "version 4" in await typed("rollback", SFTP, 1, "--by", "marie")
    told = json.loads(await typed("versions", SFTP, "--json"))
    assert [(one["version"], one["applied_by"], one["origin"], one["note"]) for one in told] == [
        (4, "marie", "rollback", "back to version 1"),
        (3, "paul", "export", "Cité des Tilleuls Habitat"),
        (2, "paul", "export", "Les Tilleuls"),
        (1, "marie", "file", None),
    ]
    assert await typed("export", SFTP) == "# base: version 4\n" + original.read_text()


async def test_a_preview_against_what_is_held_is_read_by_a_person(house: Any, typed: Any) -> None:
    await house.apply(SFTP)
    await house.sync(SFTP, "sites")
    tried = house.files[SFTP].with_name("tried.toml")
    tried.write_text(
        house.files[SFTP].read_text().replace('country = { const = "FR" }', 'country = { const = "BE" }', 1)
    )
    shown = await typed("preview", SFTP, "sites", "--against-held", "--config", tried)
    assert "country would change in" in shown
    assert "FR → BE" in shown
    assert "nothing was written" in shown


def _rename(file: Path, name: str) -> None:
    file.write_text(re.sub(r'^name = ".*"$', f'name = "{name}"', file.read_text(), count=1, flags=re.MULTILINE))
