"""Write the next revision from the tables' declarations: `python -m hub.store.migrations "add mandates"`.

Compares them with a database of the last revision, made for the purpose; new tables get their policies and grants.
Read what it wrote before committing it: a changed policy, a rename or a change of data it cannot see.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.operations.ops import CreateTableOp, ExecuteSQLOp, MigrationScript
from alembic.runtime.migration import MigrationContext
from sqlalchemy import NullPool, create_engine

from hub.embedded.postgres import EmbeddedPostgres
from hub.store import migrations
from hub.store.policies import protect
from hub.store.provision import provision
from hub.store.tables import metadata


def write_revision(message: str) -> None:
    """Write the module of the next revision, or none when nothing changed."""
    with TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            url = asyncio.run(provision(server.start(), database="revision"))
            engine = create_engine(url.replace("://", "://hub_owner@", 1), poolclass=NullPool)
            with engine.connect() as conn:
                command.revision(
                    migrations.config(conn),
                    message,
                    autogenerate=True,
                    rev_id=f"{int(migrations.head()) + 1:04}",
                    process_revision_directives=_complete,
                )
        finally:
            server.stop()


def _complete(context: MigrationContext, revision: object, directives: Iterable[MigrationScript]) -> None:
    """Add what alembic does not know: policies and grants. Drop the revision when there is nothing to do."""
    for script in list(directives):
        upgrade = script.upgrade_ops
        if upgrade is None or upgrade.is_empty():
            print("the tables are as the last revision left them", file=sys.stderr)  # noqa: T201
            directives[:] = []  # type: ignore[index]  # alembic hands a list, to be changed in place
            return
        for operation in list(upgrade.ops):
            if isinstance(operation, CreateTableOp):
                operation.info = {}
                upgrade.ops += [ExecuteSQLOp(it) for it in protect(metadata.tables[operation.table_name])]


if __name__ == "__main__":
    write_revision(" ".join(sys.argv[1:]) or sys.exit(__doc__))
