"""The schema's history: alembic revisions, and the two questions asked of it (where is a database, bring it here)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from hub.errors import SetupError


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without an ini file. `connection`: the one to migrate, its transaction the caller's."""
    found = Config()
    # alembic's configuration interpolates "%"
    found.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    found.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    found.attributes["connection"] = connection
    return found


def head() -> str:
    """The revision this code was written for."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def is_known(revision: str) -> bool:
    """Whether a revision is one of this code's."""
    return revision in {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def current(connection: Connection) -> str | None:
    """The revision a database is at, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> None:
    """Bring a database to `head`, in the caller's transaction. SetupError when a newer hub has written it."""
    found = current(connection)
    if found is not None and not is_known(found):
        raise newer(found)
    if found != head():
        command.upgrade(config(connection), "head")


def newer(revision: str) -> SetupError:
    """The error for a database of a revision this code does not know."""
    return SetupError(
        f"the database is at revision {revision}, which this version of the hub does not know: a newer one wrote it",
        hint="install that version again, or give this one another database",
    )
