"""Functions, policies and grants: frozen copies of what `hub.store.policies` says of the tables so far."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LANDLORD = "landlord_id = (select nullif(current_setting('app.landlord', true), ''))"
_MY_CONTRACTS = "any ((select nullif(current_setting('app.contracts', true), '')::uuid[])::uuid[])"
_MY_ACCOUNTS = "any (array(select ac.account_id from account_contract ac))"
_OF_MY_NOTICE = "exists (select from rent_notice n where n.landlord_id = {0}.landlord_id and n.id = {0}.notice_id)"

# Which rows of its landlord a session may see: None = all of them.
_SESSION = {
    "contact_hours": None,
    "contact_point": None,
    "external_key": "object_type = 'site'",
    "feed_state": None,
    "landlord_key": None,
    "site": None,
    "unit": "id = any (array(select cu.unit_id from contract_unit cu))",
    "person": "id = any (array(select p.person_id from party p))",
    "contract": f"id = {_MY_CONTRACTS}",
    "contract_unit": f"contract_id = {_MY_CONTRACTS}",
    "party": f"contract_id = {_MY_CONTRACTS}",
    "price_component": f"contract_id = {_MY_CONTRACTS}",
    "account": f"id = {_MY_ACCOUNTS}",
    "account_contract": f"contract_id = {_MY_CONTRACTS}",
    "ledger_entry": f"account_id = {_MY_ACCOUNTS}",
    "rent_notice": f"account_id = {_MY_ACCOUNTS}",
    "rent_notice_line": _OF_MY_NOTICE.format("rent_notice_line"),
    "document": f"contract_id = {_MY_CONTRACTS} or {_OF_MY_NOTICE.format('document')}",
    "document_file": (
        "exists (select from document d where d.landlord_id = document_file.landlord_id and d.id = document_id)"
    ),
    "blob": "exists (select from document_file f where f.landlord_id = blob.landlord_id and f.blob_id = blob.id)",
}

_UNSEEN = (
    "artifact",
    "connector_secret",
    "connector_state",
    "feed_run",
    "job",
    "landlord_config",
    "quarantine",
    "run",
    "schedule",
)

_JOB_SHOWN = (
    "landlord_id, id, queue, kind, dedup_key, order_key, state, run_at, lease_until, token, attempts, max_attempts, "
    "last_error, woken_by, created_at, finished_at"
)
_JOB_LEASE = "state, run_at, lease_until, token, attempts, last_error, woken_by, finished_at"

# 48 bits of milliseconds, 26 of a counter, 48 at random. Ids of one statement sort by the counter given: rows loaded
# together keep the order they came in. PostgreSQL has no uuidv7() before 18.
_UUID7 = """
create function hub_uuid7(counter bigint default (random() * 67108863)::bigint) returns uuid
language sql volatile parallel safe
return encode(
    substring(int8send((extract(epoch from statement_timestamp()) * 1000)::bigint) from 3)
    || int2send((28672 + ((counter >> 14) & 4095))::int2)
    || int2send((-32768 + (counter & 16383))::int2)
    || substring(uuid_send(gen_random_uuid()) from 11),
    'hex'
)::uuid
"""

# Runs as its owner, whom the landlord policies bind too: a token opens nothing at another landlord's.
_TENANT_SESSION = """
create function tenant_session(hash bytea, at timestamptz) returns table (person_id uuid, contract_ids uuid[])
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select t.person_id, array(
        select distinct p.contract_id
        from public.party p
        where p.landlord_id = t.landlord_id and p.person_id = t.person_id
            and p.role in ('holder', 'co_holder') and p.missing_since is null
        order by p.contract_id
    )
    from public.access_token t
    where t.token_hash = hash and t.expires_at > at;
end
"""


def upgrade() -> None:
    op.execute(_UUID7)
    op.execute(_TENANT_SESSION)
    op.execute("revoke all on function tenant_session from public")
    op.execute("grant execute on function tenant_session to hub_api")
    op.execute("grant select on alembic_version to hub_dispatch, hub_sync, hub_api")
    for table in ("landlord", "access_token", *_SESSION, *_UNSEEN):
        _guard(table)
    for table in ("landlord", *_SESSION, *_UNSEEN):
        op.execute(f"grant select, insert, update, delete on {table} to hub_sync")
    op.execute(
        "grant select (landlord_id, person_id, created_at, expires_at), insert, delete on access_token to hub_sync"
    )
    for table, condition in _SESSION.items():
        _show(table, condition)
    _open_directory()
    _open_dispatch()


def _guard(table: str) -> None:
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy landlord on {table} to hub_owner, hub_sync using ({_LANDLORD}) with check ({_LANDLORD})")


def _show(table: str, condition: str | None) -> None:
    seen = f"{_LANDLORD} and ({condition})" if condition else _LANDLORD
    op.execute(f"create policy session on {table} for select to hub_api using ({seen})")
    op.execute(f"grant select on {table} to hub_api")


def _open_directory() -> None:
    op.execute("create policy directory on landlord for select to hub_api, hub_sync using (true)")
    op.execute("grant select on landlord to hub_api")


def _open_dispatch() -> None:
    for table in ("job", "schedule"):
        op.execute(f"create policy dispatch on {table} to hub_dispatch using (true) with check (true)")
    op.execute(f"grant select ({_JOB_SHOWN}), insert, update ({_JOB_LEASE}) on job to hub_dispatch")
    op.execute("grant select, update (next_run, last_slot) on schedule to hub_dispatch")
