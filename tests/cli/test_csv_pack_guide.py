"""The guide of the CSV pack, word for word: its commands are run as they stand, and its tables are the preset's."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/csv-pack.md").read_text(encoding="utf-8")
PRESET = tomllib.loads((ROOT / "landlords/csv-pack.toml").read_text(encoding="utf-8"))
_BLOCK = re.compile(r"^```sh( background)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SET_UP = 'make .venv/.ready && export PATH="$PWD/.venv/bin:$PATH"'


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Reader:
    """A new user in a terminal, and in a second one for what is to be left running."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        own = {key: value for key, value in os.environ.items() if not key.startswith("HOUSING_HUB_")}
        path = f"{Path(sys.executable).parent}:{own['PATH']}"
        self.environment = own | {"PATH": path, "HOUSING_HUB_PORT": str(self.port)}
        self.typed, self.hub = "set -e\n", None

    def types(self, commands: str) -> str:
        """Run commands after all typed before (exports and variables stay)."""
        said = subprocess.run(
            ["bash", "-c", f"{self.typed}{commands}"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert said.returncode == 0, f"{commands}\n{said.stdout}\n{said.stderr}"
        self.typed += "".join(f"{line}\n" for line in commands.splitlines() if line.startswith("export "))
        return said.stdout

    def leaves_running(self, command: str) -> None:
        with (self.folder / "up.log").open("wb") as log:
            self.hub = subprocess.Popen(
                ["bash", "-c", f"{self.typed}exec {command}"], cwd=self.folder, env=self.environment,
                stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + 120
        while "answers" not in (self.folder / "up.log").read_text():
            assert self.hub.poll() is None and time.monotonic() < deadline, (self.folder / "up.log").read_text()
            time.sleep(0.2)

    def presses_ctrl_c(self) -> None:
        if self.hub is not None:
            self.hub.send_signal(signal.SIGINT)
            self.hub.wait(60)


@pytest.mark.timeout(900)
def test_the_guide_leads_from_sample_files_to_a_served_tenant(tmp_path: Path) -> None:
    reader, said = Reader(tmp_path), ""
    try:
        for background, commands in _BLOCK.findall(GUIDE):
            commands = commands.replace(_SET_UP, "true").replace("127.0.0.1:8000", f"127.0.0.1:{reader.port}")
            if background:
                reader.leaves_running(commands.strip())
            else:
                said += reader.types(commands)
    finally:
        reader.presses_ctrl_c()

    assert "all files can be read" in said
    assert "new: contracts 13, ledger 186, notices 36, documents 36" in said
    answer = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    (contract,) = answer["data"]["viewer"]["contracts"]["nodes"]
    assert (contract["reference"], contract["status"]) == ("BAIL-004", "CURRENT")
    assert contract["accounts"][0]["balance"] == {"amount": "360.85", "currency": "EUR"}
    assert [party["role"] for party in contract["parties"]] == ["HOLDER", "CO_HOLDER"]
    assert contract["rentNotices"]["nodes"][0]["number"] == "AE-202611-004"
    assert (tmp_path / "notice.pdf").read_bytes().startswith(b"%PDF-")


def _documented() -> dict[str, dict[str, tuple[bool, list[str]]]]:
    """File → column → (mandatory, other names), as the guide's tables say."""
    files: dict[str, dict[str, tuple[bool, list[str]]]] = {}
    for title, body in re.findall(r"^### (\w+)\.csv\n(.*?)(?=^### |\Z)", GUIDE, re.MULTILINE | re.DOTALL):
        rows = re.findall(r"^\| (\**)(\w+)\** \| ([^|]*) \|", body, re.MULTILINE)
        files[title] = {
            name: (bool(bold), others.split(", ") if others else []) for bold, name, others in rows if name != "Column"
        }
    return files


def _of_the_preset() -> dict[str, dict[str, tuple[bool, list[str]]]]:
    files: dict[str, dict[str, tuple[bool, list[str]]]] = {}
    for feed in PRESET["feeds"].values():
        columns = files.setdefault(feed["files"].removesuffix(".csv").rstrip("*"), {})
        for column in _read_by(feed):
            mandatory = column not in feed.get("optional", ())
            before = columns.get(column, (False, []))
            columns[column] = (before[0] or (mandatory and before == (False, [])), feed["aliases"].get(column, []))
    return files


def _read_by(feed: dict[str, Any]) -> set[str]:
    named: set[str] = set()

    def walk(rule: Any) -> None:
        if isinstance(rule, str):
            named.add(rule)
        elif isinstance(rule, dict):
            for key in ("column", "debit", "credit"):
                if key in rule:
                    named.add(rule[key])
            for part in (*rule.get("first", ()), *(one for one in rule.get("concat", ()) if isinstance(one, dict))):
                walk(part)

    for rule in feed["fields"].values():
        walk(rule)
    return named


def test_the_guides_tables_name_the_columns_the_preset_reads() -> None:
    documented, read = _documented(), _of_the_preset()
    assert {file: set(columns) for file, columns in documented.items()} == {
        file: set(columns) for file, columns in read.items()
    }
    for file, columns in documented.items():
        assert {name: others for name, (_, others) in columns.items()} == {
            name: others for name, (_, others) in read[file].items()
        }


def test_a_column_the_guide_calls_mandatory_may_not_be_left_out_and_no_other_is() -> None:
    for file, columns in _documented().items():
        feeds = [one for one in PRESET["feeds"].values() if one["files"].removesuffix(".csv").rstrip("*") == file]
        main = [one for one in feeds if one["stream"] != "documents"]
        needed = set().union(*(_read_by(one) - set(one.get("optional", ())) for one in main))
        assert {name for name, (mandatory, _) in columns.items() if mandatory} == needed, file
