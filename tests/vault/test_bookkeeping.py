"""The hub's own book-keeping: written when something changed, listed page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import SettingsError
from hub.records import Reject, Stream
from hub.store.access_tokens import find_persons, issue_token, token_hash
from hub.store.artifact_rows import Seen, claim_artifact, find_applied, mark_artifact
from hub.store.blob_rows import (
    DocumentContent,
    add_blob,
    expired_blobs,
    forget_blobs,
    get_blob,
    get_document_file,
    put_document_files,
)
from hub.store.blobs import BlobFacts
from hub.store.connector_states import get_connector_state, put_connector_state
from hub.store.contact_rows import ContactPoint, Opening, list_contact_points, put_contact_points
from hub.store.engine import make_engine, scope
from hub.store.feed_states import advance_feed, get_feed_state
from hub.store.ids import new_id
from hub.store.landlord_rows import (
    LandlordRow,
    find_landlord,
    get_config,
    list_landlords,
    live_config,
    put_landlord,
    save_config,
)
from hub.store.quarantine_rows import add_quarantine, count_quarantine, list_quarantine, replace_quarantine
from hub.store.roles import Role
from hub.store.run_rows import (
    FeedRun,
    create_run,
    find_run_of_slot,
    finish_run,
    get_run,
    list_runs,
    put_feed_run,
    start_run,
)
from hub.store.tables import external_key, table_of

RIVES = "rives-doise"


async def _versions(conn: AsyncConnection, table: str) -> list[str]:
    """Which row versions a table has: the same before and after means nothing was written."""
    return sorted((await conn.execute(text(f"select ctid::text || xmin::text from {table}"))).scalars())


# Landlords and their configuration


async def test_a_landlord_is_entered_once_and_changed_only_where_it_differs(
    conn: AsyncConnection, now: datetime
) -> None:
    held = await find_landlord(conn, RIVES)
    assert held == LandlordRow(RIVES, "Rives d'Oise Habitat", "fr-FR", "Europe/Paris", ("locataires.rives.example",))
    assert not await put_landlord(conn, held, now=now)
    assert await put_landlord(conn, replace(held, name="Rives d'Oise"), now=now)
    assert [one.name for one in await list_landlords(conn)] == ["Rives d'Oise"]
    assert await list_landlords(conn, after=RIVES) == []
    assert await find_landlord(conn, "nobody") is None


async def test_a_host_name_leads_to_one_landlord_only(now: datetime, fresh_database: Any) -> None:
    engine = make_engine(fresh_database.url_for(Role.SYNC), Role.SYNC)
    rives = LandlordRow(RIVES, "Rives", "fr-FR", "Europe/Paris", ("locataires.example", "rives.example"))
    tilleuls = LandlordRow("cite-des-tilleuls", "Tilleuls", "fr-FR", "Europe/Paris", ("locataires.example",))
    async with scope(engine, rives.slug) as conn:
        await put_landlord(conn, rives, now=now)
    async with scope(engine, tilleuls.slug) as conn:
        with pytest.raises(SettingsError, match=r"locataires\.example leads to another landlord already") as caught:
            await put_landlord(conn, tilleuls, now=now)
        assert caught.value.where.landlord == tilleuls.slug
        assert await put_landlord(conn, replace(tilleuls, hosts=("tilleuls.example",)), now=now)
    await engine.dispose()


async def test_a_configuration_is_a_new_version_only_when_it_differs(conn: AsyncConnection, now: datetime) -> None:
    async def save(sha256: str) -> int:
        return await save_config(conn, landlord=RIVES, config={"feeds": [sha256]}, sha256=sha256, now=now)

    assert await live_config(conn, landlord=RIVES) is None
    assert [await save("a"), await save("a"), await save("b"), await save("a")] == [1, 1, 2, 3]
    live, second = await live_config(conn, landlord=RIVES), await get_config(conn, landlord=RIVES, version=2)
    assert live is not None
    assert second is not None
    assert (live.version, live.config, second.config) == (3, {"feeds": ["a"]}, {"feeds": ["b"]})
    assert await get_config(conn, landlord=RIVES, version=9) is None


async def test_contact_points_are_written_when_they_change_and_keep_their_ids(conn: AsyncConnection) -> None:
    morning, afternoon = Opening(1, time(8, 30), time(12)), Opening(1, time(13, 30), time(17))
    centre = ContactPoint("call_centre", "Centre d'appels", phone="01 99 00 12 34", hours=(afternoon, morning))
    keeper = ContactPoint("caretaker", "Gardien du Parc", site_codes=("R01", "R02"))
    assert await put_contact_points(conn, landlord=RIVES, wanted=[centre, keeper])
    held = await list_contact_points(conn, landlord=RIVES)
    assert [replace(point, id=None) for point in held] == [replace(centre, hours=(morning, afternoon)), keeper]
    before = await _versions(conn, "contact_hours")
    assert not await put_contact_points(conn, landlord=RIVES, wanted=[centre, keeper])
    assert await _versions(conn, "contact_hours") == before
    assert await put_contact_points(conn, landlord=RIVES, wanted=[keeper, replace(centre, phone=None)])
    moved = await list_contact_points(conn, landlord=RIVES)
    assert [point.id for point in moved] == [held[1].id, held[0].id]
    assert await put_contact_points(conn, landlord=RIVES, wanted=[])
    assert await list_contact_points(conn, landlord=RIVES) == []


# Runs and feeds


async def test_a_run_tells_its_feeds_in_their_order(conn: AsyncConnection, now: datetime) -> None:
    feeds = ["contracts", "ledger"]
    run_id = await create_run(conn, landlord=RIVES, asked_by="operator", feeds=feeds, config_version=1, now=now)
    await start_run(conn, run_id, now=now)
    await start_run(conn, run_id, now=now + timedelta(minutes=5))
    await put_feed_run(conn, landlord=RIVES, run_id=run_id, report=FeedRun("ledger", "ledger_entries", "reading"))
    applied = FeedRun("ledger", "ledger_entries", "applied", read=10, added=7, quarantined=3, files=("ECR.csv",))
    await put_feed_run(conn, landlord=RIVES, run_id=run_id, report=applied)
    await put_feed_run(conn, landlord=RIVES, run_id=run_id, report=FeedRun("contracts", "contracts", "unchanged"))
    await finish_run(conn, run_id, state="done", now=now + timedelta(minutes=9))
    run = await get_run(conn, run_id)
    assert run is not None
    assert (run.state, run.started_at, run.finished_at) == ("done", now, now + timedelta(minutes=9))
    assert [report.feed for report in run.feed_runs] == feeds
    assert run.feed_runs[1] == applied
    assert await get_run(conn, run_id + 1) is None


async def test_runs_are_listed_newest_first_page_by_page(conn: AsyncConnection, now: datetime) -> None:
    asked: dict[str, Any] = {"landlord": RIVES, "asked_by": "operator", "config_version": 1, "now": now}
    ids = [await create_run(conn, feeds=["ledger"], **asked) for _ in range(3)]
    assert [run.id for run in await list_runs(conn, limit=2)] == [ids[2], ids[1]]
    assert [run.id for run in await list_runs(conn, before=ids[1])] == [ids[0]]


async def test_the_run_of_a_slot_is_found_again(conn: AsyncConnection, now: datetime) -> None:
    feeds = ["contracts", "ledger"]
    run_id = await create_run(
        conn, landlord=RIVES, asked_by="schedule", feeds=feeds, config_version=1, now=now, slot=now
    )
    found = await find_run_of_slot(conn, slot=now, feeds=feeds)
    assert found is not None
    assert found.id == run_id
    assert await find_run_of_slot(conn, slot=now, feeds=["ledger"]) is None
    assert await find_run_of_slot(conn, slot=now + timedelta(hours=1), feeds=feeds) is None


async def test_a_feeds_checkpoint_moves_on_generation_by_generation(conn: AsyncConnection, now: datetime) -> None:
    async def advance(cursor: str) -> int:
        return await advance_feed(
            conn,
            landlord=RIVES,
            feed="ledger",
            stream="ledger_entries",
            source="erp",
            mapping_version="m1",
            cursor=cursor,
            run_id=7,
            as_of=now,
        )

    assert await get_feed_state(conn, landlord=RIVES, feed="ledger") is None
    assert [await advance("page 1"), await advance("page 2")] == [1, 2]
    state = await get_feed_state(conn, landlord=RIVES, feed="ledger")
    assert state is not None
    assert (state.cursor, state.generation, state.last_good_run, state.as_of) == ("page 2", 2, 7, now)


async def test_the_same_content_under_another_name_is_known_until_its_mapping_changes(
    conn: AsyncConnection, now: datetime
) -> None:
    seen = Seen("ledger", "abc", "m1", "ECR_1.csv", 100, modified=now)
    first = await claim_artifact(conn, landlord=RIVES, seen=seen, run_id=1, now=now)
    assert (first.state, first.fresh) == ("claimed", True)
    again = await claim_artifact(conn, landlord=RIVES, seen=seen, run_id=2, now=now)
    assert (again.state, again.fresh, again.run_id) == ("claimed", False, 2), "a killed run's claim passes on"
    blob_id = new_id()
    await mark_artifact(conn, landlord=RIVES, seen=seen, state="applied", blob_id=blob_id)
    renamed = await claim_artifact(conn, landlord=RIVES, seen=replace(seen, name="copy.csv"), run_id=3, now=now)
    assert (renamed.state, renamed.run_id, renamed.blob_id) == ("applied", 2, blob_id)
    remapped = await claim_artifact(conn, landlord=RIVES, seen=replace(seen, mapping_version="m2"), run_id=4, now=now)
    assert remapped.fresh


async def test_a_file_that_is_applied_need_not_be_fetched_again(conn: AsyncConnection, now: datetime) -> None:
    seen = Seen("ledger", "abc", "m1", "ECR_1.csv", 100, modified=now)

    async def applied(**differs: Any) -> bool:
        asked = {"feed": "ledger", "mapping_version": "m1", "name": "ECR_1.csv", "size": 100, "modified": now}
        return await find_applied(conn, landlord=RIVES, **(asked | differs))

    await claim_artifact(conn, landlord=RIVES, seen=seen, run_id=1, now=now)
    assert not await applied()
    await mark_artifact(conn, landlord=RIVES, seen=seen, state="applied")
    assert await applied()
    assert not await applied(size=101)
    assert not await applied(modified=now + timedelta(seconds=1))
    assert not await applied(mapping_version="m2")


async def test_a_connector_remembers_what_it_was_told_and_writes_only_what_is_new(conn: AsyncConnection) -> None:
    erp: dict[str, str] = {"landlord": RIVES, "connector": "erp"}
    await put_connector_state(conn, **erp, values={"seen": "10", "token": "a"})
    before = await _versions(conn, "connector_state")
    await put_connector_state(conn, **erp, values={"seen": "10"})
    await put_connector_state(conn, **erp, values={})
    assert await _versions(conn, "connector_state") == before
    await put_connector_state(conn, **erp, values={"seen": "11"})
    assert await get_connector_state(conn, **erp) == {"seen": "11", "token": "a"}
    assert await get_connector_state(conn, landlord=RIVES, connector="bank") == {}


# Quarantine

RGL2 = Reject("UNKNOWN_CODE", "RGL2 is in no code table", line=12, field="kind", file="ECR_1.csv", excerpt="RGL2")
NO_DATE = Reject("BAD_DATE", "31/02 is no date", line=40, field="posted_on", file="ECR_1.csv", excerpt="31/02/2026")


async def test_a_snapshots_rejects_replace_those_of_the_one_before(conn: AsyncConnection, now: datetime) -> None:
    async def replaced(*rejects: Reject, run_id: int = 1) -> int:
        return await replace_quarantine(conn, landlord=RIVES, feed="ledger", run_id=run_id, rejects=rejects, now=now)

    assert await replaced(RGL2, NO_DATE, NO_DATE) == 2
    before = await _versions(conn, "quarantine")
    assert await replaced(RGL2, NO_DATE, run_id=2) == 2
    assert await _versions(conn, "quarantine") == before, "the same again writes nothing"
    assert await replaced(replace(RGL2, excerpt="RGL3"), run_id=3) == 1
    (row,) = await list_quarantine(conn, landlord=RIVES)
    assert (row.run_id, row.file, row.line, row.field, row.excerpt) == (3, "ECR_1.csv", 12, "kind", "RGL3")
    assert await replaced(run_id=4) == 0
    assert await count_quarantine(conn, landlord=RIVES) == {}


async def test_a_deltas_rejects_stay_beside_the_earlier_and_a_second_reading_doubles_nothing(
    conn: AsyncConnection, now: datetime
) -> None:
    async def added(*rejects: Reject) -> int:
        return await add_quarantine(conn, landlord=RIVES, feed="ledger", run_id=1, rejects=rejects, now=now)

    tomorrow = replace(RGL2, file="ECR_2.csv")
    assert [await added(RGL2), await added(RGL2), await added(tomorrow), await added()] == [1, 1, 2, 2]


async def test_quarantined_rows_are_listed_by_feed_newest_first_page_by_page(
    conn: AsyncConnection, now: datetime
) -> None:
    many = [Reject("BAD_ROW", "too few columns", line=line) for line in (1, 2, 3)]
    await add_quarantine(conn, landlord=RIVES, feed="ledger", run_id=1, rejects=many, now=now)
    await add_quarantine(conn, landlord=RIVES, feed="sites", run_id=1, rejects=[Reject("BAD_ROW", "x")], now=now)
    assert await count_quarantine(conn, landlord=RIVES) == {"ledger": 3, "sites": 1}
    rows = await list_quarantine(conn, landlord=RIVES, feed="ledger", limit=2)
    rest = await list_quarantine(conn, landlord=RIVES, feed="ledger", before=rows[-1].id)
    assert [row.line for row in (*rows, *rest)] == [3, 2, 1]
    (site,) = await list_quarantine(conn, landlord=RIVES, feed="sites")
    assert (site.file, site.line, site.field) == (None, None, None)


# Files and people


def _facts(path: str) -> BlobFacts:
    return BlobFacts(path=path, sha256="0" * 64, size=3, key_id=1)


async def test_raw_input_expires_and_is_forgotten_with_every_trace_that_points_to_it(
    conn: AsyncConnection, now: datetime
) -> None:
    later = now + timedelta(days=30)
    blob_id = await add_blob(conn, landlord=RIVES, purpose="raw", facts=_facts("a"), now=now, expires_at=later)
    kept = await add_blob(conn, landlord=RIVES, purpose="raw", facts=_facts("b"), now=now)
    seen = Seen("ledger", "abc", "m1", "ECR_1.csv", 100)
    await claim_artifact(conn, landlord=RIVES, seen=seen, run_id=1, now=now, blob_id=blob_id)
    assert await expired_blobs(conn, now=now) == []
    (expired,) = await expired_blobs(conn, now=later)
    assert (expired.id, expired.facts) == (blob_id, _facts("a"))
    await forget_blobs(conn, [expired.id])
    assert await get_blob(conn, blob_id) is None
    assert await get_blob(conn, kept) is not None
    claim = await claim_artifact(conn, landlord=RIVES, seen=seen, run_id=2, now=now)
    assert claim.blob_id is None


async def test_a_document_given_a_new_file_lets_the_old_one_expire(conn: AsyncConnection, now: datetime) -> None:
    document_id = await _a_document(conn, now)
    assert await get_document_file(conn, document_id) is None
    for run_id, name in ((1, "old"), (2, "new")):
        content = DocumentContent(document_id, "application/pdf", _facts(name))
        await put_document_files(conn, landlord=RIVES, contents=[content], run_id=run_id, now=now)
    held = await get_document_file(conn, document_id)
    assert held is not None
    assert (held.blob.facts.path, held.media_type) == ("new", "application/pdf")
    assert [blob.facts.path for blob in await expired_blobs(conn, now=now)] == ["old"]


async def test_a_token_is_shown_once_kept_as_a_digest_and_opens_a_session(now: datetime, fresh_database: Any) -> None:
    sync, api = (make_engine(fresh_database.url_for(role), role) for role in (Role.SYNC, Role.API))
    async with scope(sync, RIVES) as conn:
        person_id = await _a_person(conn, "P1")
        expires_at = now + timedelta(hours=1)
        issued = await issue_token(conn, landlord=RIVES, person_id=person_id, now=now, expires_at=expires_at)
    assert issued.token not in repr(issued)

    async def session(landlord: str, at: datetime) -> UUID | None:
        asked = text("select person_id from tenant_session(:hash, :at)")
        async with scope(api, landlord) as conn:
            found = await conn.execute(asked, {"hash": token_hash(issued.token), "at": at})
            return UUID(str(person)) if (person := found.scalar_one_or_none()) else None

    assert await session(RIVES, now) == person_id
    assert await session(RIVES, now + timedelta(hours=2)) is None
    assert await session("cite-des-tilleuls", now) is None
    await sync.dispose()
    await api.dispose()


async def test_expired_tokens_go_when_the_next_is_issued(conn: AsyncConnection, now: datetime) -> None:
    person_id = await _a_person(conn, "P1")
    for hours in (0, 1, 2):
        moment = now + timedelta(hours=hours)
        await issue_token(
            conn, landlord=RIVES, person_id=person_id, now=moment, expires_at=moment + timedelta(minutes=30)
        )
    assert (await conn.execute(text("select count(person_id) from access_token"))).scalar_one() == 1


async def test_a_person_is_found_by_the_erps_id_or_as_holder_of_a_contract(conn: AsyncConnection) -> None:
    holder, occupant = await _a_person(conn, "P1"), await _a_person(conn, "P2")
    contract = {"id": new_id(), "reference": "L/004473", "status": "current", "starts_on": datetime(2020, 1, 1).date()}
    await _put(conn, Stream.CONTRACTS, contract)
    await _key(conn, "contract", "C9", contract["id"])
    for person_id, role in ((holder, "holder"), (occupant, "occupant")):
        party = {"id": new_id(), "contract_id": contract["id"], "person_id": person_id, "role": role}
        await _put(conn, Stream.PARTIES, party | {"is_solidary": False})
    assert await find_persons(conn, reference="P2") == [occupant]
    assert await find_persons(conn, reference="L/004473") == [holder]
    assert await find_persons(conn, reference="C9") == [holder]
    assert await find_persons(conn, reference="unknown") == []


def test_new_ids_are_uuid7_and_come_in_the_order_of_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert {(one.version, one.variant) for one in ids} == {(7, UUID(int=2 << 62).variant)}
    assert len(set(ids)) == 1000
    stamps = [one.int >> 80 for one in ids]
    assert stamps == sorted(stamps)


async def _put(conn: AsyncConnection, stream: Stream, row: dict[str, Any]) -> None:
    fixed = {"landlord_id": RIVES, "source": "erp", "changed_run": 1}
    await conn.execute(insert(table_of(stream)).values(fixed | row))


async def _key(conn: AsyncConnection, object_type: str, external_id: str, object_id: Any) -> None:
    row = {"source": "erp", "object_type": object_type, "external_id": external_id, "object_id": object_id}
    await conn.execute(insert(external_key).values({"landlord_id": RIVES} | row))


async def _a_person(conn: AsyncConnection, external_id: str) -> UUID:
    person_id = new_id()
    await _put(conn, Stream.PERSONS, {"id": person_id, "family_name": "Lefèvre"})
    await _key(conn, "person", external_id, person_id)
    return person_id


async def _a_document(conn: AsyncConnection, now: datetime) -> UUID:
    row = {"id": new_id(), "kind": "other", "title": "Bail", "dated_on": now.date(), "file_name": "bail.pdf"}
    await _put(conn, Stream.DOCUMENTS, row)
    return UUID(str(row["id"]))
