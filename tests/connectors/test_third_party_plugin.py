"""A stranger's plugin: built, installed with pip beside the hub, found by its entry point, used, and proved."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.testing.servers import http_server

LAKE = Path(__file__).parents[1] / "assets" / "lake_erp"
BROKEN = """
import a_package_nobody_installed
HUB_API = (1, 0)
"""
FUTURE = """
HUB_API = (2, 0)
def register_erp_connectors():
    return []
"""
PULL = """
import json, logging, sys
from pathlib import Path
from hub.ports import Feed, FeedSettings
from hub.records import Stream
from hub.registry import Registry
from hub.testing.fakes import FolderSpool, make_context

registry = Registry.load({"lake", "drowned", "future"})
connector = registry.connector("lake")
settings = connector.settings_model(base_url=sys.argv[1], token=sys.argv[2])
feed = Feed("contracts", Stream.CONTRACTS, "delta", FeedSettings())
plugin = connector(settings, make_context(Path("context")))
rows = [row.reference for batch in plugin.pull(feed, None, FolderSpool(Path("spool"))) for row in batch.rows]
broken = {one.name: [one.distribution, one.version, one.reason] for one in registry.broken}
print(json.dumps({"rows": rows, "broken": broken, "not_allowed": sorted(map(str, registry.not_allowed))}))
"""


def project(folder: Path, *, name: str, module: str) -> Path:
    """A distribution of one module, with an entry point of the module's name."""
    folder.mkdir()
    text = (LAKE / "pyproject.toml").read_text()
    text = text.replace("lake-erp", f"{name}-erp").replace("lake_erp", f"{name}_erp").replace('lake = "', f'{name} = "')
    (folder / "pyproject.toml").write_text(text)
    (folder / f"{name}_erp.py").write_text(module)
    return folder


def run(*command: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "COV"))}
    env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1"}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python environment that sees the hub's packages, with three strangers' plugins installed by pip."""
    folder = tmp_path_factory.mktemp("strangers")
    venv.create(folder / "env", with_pip=False)
    site = folder / "env" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (site / "hub.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    shutil.copytree(LAKE, folder / "lake", ignore=shutil.ignore_patterns("build", "dist", "__pycache__"))
    projects = [
        folder / "lake",
        project(folder / "drowned", name="drowned", module=BROKEN),
        project(folder / "future", name="future", module=FUTURE),
    ]
    for source in projects:
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "wheels", cwd=source)
    wheels = sorted((folder / "wheels").glob("*.whl"))
    python = folder / "env" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", *wheels, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def answer(house: Path) -> Mapping[str, Any]:
    """What a Python of that environment finds, and pulls from a server that plays Lake."""
    sys.path.insert(0, str(LAKE))
    try:
        import lake_server
    finally:
        sys.path.remove(str(LAKE))
    with http_server(lake_server.answer) as url:
        return json.loads(run(house / "env/bin/python", "-c", PULL, url, lake_server.TOKEN, cwd=house))


def test_an_installed_plugin_is_found_and_used(answer):
    assert answer["rows"] == ["LAKE/1", "LAKE/2", "LAKE/3", "LAKE/4", "LAKE/5"]


def test_a_plugin_that_does_not_import_is_named_and_the_others_go_on(answer):
    distribution, version, reason = answer["broken"]["drowned"]
    assert (distribution, version) == ("drowned-erp", "1.2.0")
    assert "a_package_nobody_installed" in reason


def test_a_plugin_for_another_api_is_named_with_both_versions(answer):
    _, _, reason = answer["broken"]["future"]
    assert "2.0" in reason
    assert "1.1" in reason


def test_what_the_installation_did_not_allow_is_not_loaded(answer):
    assert {"soap", "sftp_files"} <= set(answer["not_allowed"])


def test_the_strangers_own_contract_test_passes_where_he_installed_it(house, tmp_path):
    for name in ("test_lake.py", "lake_server.py"):
        shutil.copy(LAKE / name, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = session\n")
    said = run(house / "env/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", cwd=tmp_path)
    assert " passed" in said
    assert "failed" not in said
