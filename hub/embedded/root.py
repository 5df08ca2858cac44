"""Running PostgreSQL, which refuses uid 0, when we are root: no folder of ours is opened to others, no user is made."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.embedded.sockets import make_private
from hub.errors import SetupError

SHARED = Path("/var/lib/housing-hub")
_NAMESPACE = ("unshare", "-U", "--map-user=65534", "--map-group=65534")
_ACCOUNTS = ("housing-hub", "postgres", "nobody")
_ADVICE = "run the hub as an ordinary user, or set HOUSING_HUB_DATABASE_URL to a running PostgreSQL"


@dataclass(frozen=True, slots=True)
class Footing:
    """Where the server's programs, data and sockets are, and as whom they run."""

    home: Path
    cluster: Path
    sockets: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None
    note: str = ""

    def command(self, program: str, *arguments: str | Path) -> list[str]:
        """The argument list that runs `bin/<program>` on this footing (together with `user` and `group`)."""
        return [*self.prefix, str(self.home / "bin" / program), *map(str, arguments)]

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs to its end, its output captured."""
        return subprocess.run(
            self.command(program, *arguments),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env=server_environment(),
            start_new_session=True,
            user=self.user,
            group=self.group,
            extra_groups=None if self.user is None else [],
        )


def server_environment() -> dict[str, str]:
    """Our environment without what would change the server: its own variables and the language of its messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def namespaces_work() -> bool:
    """Whether an unprivileged user namespace can be made here (usual container profiles forbid it)."""
    try:
        return subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def footing(
    home: Path,
    cluster: Path,
    sockets: Path,
    *,
    namespaces: Callable[[], bool] = namespaces_work,
    shared: Path = SHARED,
) -> Footing:
    """Decide how PostgreSQL runs for this user. SetupError when we are root and no way is open.

    An ordinary user needs nothing. For root: the account that owns the cluster already; else a user namespace, in which
    the server sees itself as another user while every file stays root's; else a copy in `shared`, run by a system one.
    """
    if os.geteuid() != 0:
        return Footing(home, cluster, sockets)
    owner = cluster.stat().st_uid if cluster.exists() else 0
    if owner == 0 and namespaces():
        return Footing(home, cluster, sockets, prefix=_NAMESPACE)
    try:
        return _dropped(home, cluster, pwd.getpwuid(owner) if owner else _account(), shared)
    except (OSError, KeyError) as error:
        raise SetupError(f"PostgreSQL does not run as root, and no other way is open: {error}", hint=_ADVICE) from error


def _dropped(home: Path, cluster: Path, account: pwd.struct_passwd, shared: Path) -> Footing:
    shared.mkdir(mode=0o755, parents=True, exist_ok=True)
    place = shared / hashlib.sha256(os.fsencode(cluster.absolute())).hexdigest()[:10]
    make_private(place, account.pw_uid)
    sockets = place / "run"
    make_private(sockets, account.pw_uid)
    return Footing(
        home if _can_run(home, account) else _copied(home, shared),
        _moved(cluster, place / "postgres", account),
        sockets,
        user=account.pw_uid,
        group=account.pw_gid,
        note=f"PostgreSQL does not run as root: it runs as {account.pw_name}, its data in {place}",
    )


def _account() -> pwd.struct_passwd:
    """The first of the accounts that exists: a server wants a uid with a name."""
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SetupError("PostgreSQL does not run as root, and there is no account to run it as", hint=_ADVICE)


def _can_run(home: Path, account: pwd.struct_passwd) -> bool:
    try:
        probe = Footing(home, home, home, user=account.pw_uid, group=account.pw_gid).run("postgres", "--version")
    except PermissionError:
        return False
    return probe.returncode == 0


def _copied(home: Path, shared: Path) -> Path:
    """The server copied where everybody can run it, with the libraries that lie two folders above it (41 MB)."""
    stamp = f"{home}:{(home / 'bin' / 'postgres').stat().st_mtime_ns}"
    target = shared / f"server-{hashlib.sha256(os.fsencode(stamp)).hexdigest()[:10]}"
    inside = Path(home.parent.name) / home.name
    if not target.exists():
        fresh = target.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(home, fresh / inside, symlinks=True)
        libraries = home.parent.with_name(f"{home.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        _open_to_read(fresh)
        fresh.rename(target)
    return target / inside


def _open_to_read(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))


def _moved(cluster: Path, target: Path, account: pwd.struct_passwd) -> Path:
    """The cluster at a place the account can reach; a link stays behind, so that the next start finds it again."""
    if cluster.is_symlink():
        return cluster.resolve()
    if cluster.exists():
        shutil.move(cluster, target)
        for path in (target, *target.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    cluster.symlink_to(target)
    return target
