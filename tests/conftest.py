"""Real servers for the tests: one PostgreSQL and one Valkey per test process, databases cloned from one template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from hub.embedded.postgres import EmbeddedPostgres
from hub.embedded.valkey import EmbeddedValkey
from hub.store.engine import role_url
from hub.store.provision import provision
from hub.store.roles import Role

_TEMPLATE = "hub_template"
_numbers = count(1)

# Databases are cloned with everything in them, but not with the rights on them.
_SAME_RIGHTS: LiteralString = """
update pg_database set datacl = (select datacl from pg_database where datname = %s) where datname = %s
"""


@dataclass(frozen=True, slots=True)
class Database:
    """A database of the current schema. Nobody connects to it as the superuser, who passes by every policy."""

    url: str

    def url_for(self, role: Role | str) -> str:
        """The URL by which a process connects as `role`."""
        return role_url(self.url, Role(role), None)


@pytest.fixture(scope="session")
def pg_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL of this test process."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running Valkey of this test process."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
async def template_db(pg_server: EmbeddedPostgres) -> str:
    """The name of a database at the newest schema, to clone only: a clone fails while anyone is connected to it."""
    await provision(pg_server.url(), database=_TEMPLATE)
    return _TEMPLATE


@pytest.fixture(scope="session")
def database(pg_server: EmbeddedPostgres, template_db: str) -> Iterator[Database]:
    """One clone for the whole session: tests roll back what they do in it."""
    with _clone(pg_server, template_db) as cloned:
        yield cloned


@pytest.fixture
def fresh_database(pg_server: EmbeddedPostgres, template_db: str) -> Iterator[Database]:
    """A clone for one test that commits (50 ms): several connections, roles, workers, crashes."""
    with _clone(pg_server, template_db) as cloned:
        yield cloned


@pytest.fixture(scope="module")
def module_database(pg_server: EmbeddedPostgres, template_db: str) -> Iterator[Database]:
    """A clone for the tests of one file, which all read what one of its fixtures committed."""
    with _clone(pg_server, template_db) as cloned:
        yield cloned


@pytest.fixture(scope="session")
def clone_of(pg_server: EmbeddedPostgres) -> Callable[[str], AbstractContextManager[Database]]:
    """Clones any database nobody is connected to, for the time of a `with` block."""
    return partial(_clone, pg_server)


@contextmanager
def _clone(server: EmbeddedPostgres, template: str) -> Iterator[Database]:
    name = f"hub_{next(_numbers)}"
    names = {"name": sql.Identifier(name), "template": sql.Identifier(template), "owner": sql.Identifier(Role.OWNER)}
    made = sql.SQL("create database {name} owner {owner} template {template} strategy file_copy").format(**names)
    with psycopg.connect(server.url().replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(made)
        admin.execute(_SAME_RIGHTS, [template, name])
        yield Database(server.url(name, ""))
        admin.execute(sql.SQL("drop database {name} with (force)").format(**names))
