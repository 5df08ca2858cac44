"""Two landlords with two tenants each, in a real database behind the real application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from hub.domain.references import new_reference, operation_key
from hub.records import Stream
from hub.services.download import link_key
from hub.services.parts import ApiParts, Profile
from hub.store.access_tokens import issue_token
from hub.store.blob_rows import DocumentContent, put_document_files
from hub.store.blobs import BlobStore
from hub.store.contact_rows import ContactPoint, Opening, put_contact_points
from hub.store.engine import make_engine, scope
from hub.store.handles import Connection, Engine
from hub.store.ids import new_id
from hub.store.landlord_rows import LandlordRow, put_landlord
from hub.store.means_rows import Means, Policy, put_means
from hub.store.payment_rows import NewPayment, insert_payment, put_action
from hub.store.roles import Role
from hub.store.tables import external_key, feed_state, payment, table_of
from hub.store.vault import Vault
from hub.testing.fakes import FakeClock
from tenant_api.asgi import create_app

MASTER_KEY = bytes(range(32))
NOW = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)
PDF = b"%PDF-1.7 " + bytes(range(256)) * 600  # more than one block when sent

# The seven lines of the tenant guide (tenant-guide-ekidom.txt), oldest first: posted on, sequence, kind, label, cents.
GUIDE_LEDGER = (
    (date(2018, 6, 26), 1, "housing_aid_recall", "APL 02/18 05/18", 10820),
    (date(2018, 6, 26), 2, "back_charge", "LOG 004473 03/18", -2774),
    (date(2018, 6, 26), 3, "back_charge", "LOG 004473 04/18", -2774),
    (date(2018, 6, 26), 4, "back_charge", "LOG 004473 05/18", -2774),
    (date(2018, 6, 26), 5, "rent", "LOG 004473 06/18", 23857),
    (date(2018, 6, 26), 6, "housing_aid", "APL 06/18", -19195),
    (date(2018, 7, 10), 1, "payment_cheque", "Chèque bancaire", -4386),
)
OPENING = 10000


@dataclass
class Tenant:
    """A person with a token."""

    person: UUID
    token: str
    contracts: list[UUID] = field(default_factory=list)
    accounts: list[UUID] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Seeds:
    """Writes rows as a worker does: as `hub_sync`, for one landlord."""

    def __init__(self, conn: Connection, landlord: str) -> None:
        self.conn = conn
        self.landlord = landlord

    async def add(self, stream: Stream, **values: Any) -> UUID:
        row = {"landlord_id": self.landlord, "id": new_id(), "source": "erp", "changed_run": 1, **values}
        await self.conn.execute(table_of(stream).insert().values(row))
        return row["id"]

    async def key(self, kind: str, external_id: str, object_id: UUID) -> None:
        row = {"landlord_id": self.landlord, "source": "erp", "object_type": kind, "external_id": external_id}
        await self.conn.execute(external_key.insert().values(row | {"object_id": object_id}))

    async def feed(self, stream: Stream, as_of: datetime) -> None:
        row = {"landlord_id": self.landlord, "feed": stream.value, "stream": stream.value, "source": "erp"}
        await self.conn.execute(feed_state.insert().values(row | {"mapping_version": "1", "as_of": as_of}))

    async def person(self, title: str, given: str, family: str) -> Tenant:
        person = await self.add(Stream.PERSONS, title=title, given_name=given, family_name=family)
        later = NOW + timedelta(days=30)
        issued = await issue_token(self.conn, landlord=self.landlord, person_id=person, now=NOW, expires_at=later)
        return Tenant(person, issued.token)

    async def contract(self, tenant: Tenant, reference: str, *, status: str = "current", **values: Any) -> UUID:
        values = {"starts_on": date(2015, 3, 1), "customer_ref": f"CLI-{reference}", "due_day": 5} | values
        contract = await self.add(Stream.CONTRACTS, reference=reference, status=status, **values)
        await self.party(contract, tenant.person, "holder")
        tenant.contracts.append(contract)
        return contract

    async def party(self, contract: UUID, person: UUID, role: str) -> None:
        await self.add(Stream.PARTIES, contract_id=contract, person_id=person, role=role, is_solidary=True)

    async def add_unit(self, contract: UUID, unit: UUID) -> None:
        await self.add(Stream.CONTRACT_UNITS, contract_id=contract, unit_id=unit, is_main=True)

    async def account(self, tenant: Tenant, number: str, *contracts: UUID, **values: Any) -> UUID:
        account = await self.add(Stream.ACCOUNTS, number=number, **{"kind": "rent"} | values)
        for contract in contracts:
            await self.add(Stream.ACCOUNT_CONTRACTS, account_id=account, contract_id=contract)
        tenant.accounts.append(account)
        return account

    async def entry(
        self, account: UUID, day: date, sequence: int, kind: str, label: str, cents: int, **more: Any
    ) -> UUID:
        line = {"account_id": account, "posted_on": day, "source_sequence": sequence, "kind": kind, "label": label}
        return await self.add(Stream.LEDGER_ENTRIES, external_id=str(new_id()), amount_cents=cents, **line, **more)

    async def notice(self, account: UUID, contract: UUID | None, month: int, total: int) -> UUID:
        first = date(2026, month, 1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        return await self.add(
            Stream.RENT_NOTICES,
            account_id=account,
            contract_id=contract,
            number=f"AE-{month:02}",
            period_from=first,
            period_to=last,
            issued_on=first - timedelta(days=5),
            due_on=first + timedelta(days=4),
            previous_balance_cents=1234,
            total_cents=total,
        )

    async def payment(self, tenant: Tenant, account: UUID, cents: int, *, state: str = "action_required") -> UUID:
        """One that is begun and can be paid on the bank's page."""
        payment_id = new_id()
        new = NewPayment(
            id=payment_id,
            reference=new_reference(),
            person_id=tenant.person,
            provider="pretend",
            method="test",
            amount_cents=cents,
            currency="EUR",
            language="fr",
            return_url="https://locataires.rives.example/",
            idempotency_key=f"key-{payment_id}",
            request_sha256="0" * 64,
            start_key=operation_key(payment_id, "start"),
            snapshot={},
            created_at=NOW,
            expires_at=NOW + timedelta(minutes=30),
            changed_at=NOW,
        )
        await insert_payment(self.conn, landlord=self.landlord, new=new, parts={account: cents}, blocks=True)
        action = {"kind": "redirect", "url": "https://bank.example/page"}
        named = {"landlord": self.landlord, "payment_id": payment_id, "person_id": tenant.person}
        await put_action(self.conn, **named, action=action)
        await self.conn.execute(payment.update().where(payment.c.id == payment_id).values(state=state))
        return payment_id

    async def means(self, **values: Any) -> None:
        """What a landlord's file with a pretended means of payment leads to."""
        return_urls = ("https://locataires.rives.example/",)
        policy = Policy(100, 0, "fr_1342_10", return_urls)
        able = Means(
            provider="pretend",
            position=1,
            method="test",
            flow="redirect",
            label={"fr": "Paiement fictif", "en": "Pretended payment"},
            note={"fr": "Sans frais", "en": "No fee"},
            fee_cents=0,
            accounts=("rent", "garage"),
            least_cents=1,
            most_cents=99_999_999,
            lifetime_seconds=1800,
            can_cancel=True,
            enabled=True,
            webhook="signed",
            answer_status=200,
            answer_type="text/plain",
            answer_body=b"OK",
        )
        await put_means(self.conn, landlord=self.landlord, policy=policy, means=[replace(able, **values)])

    async def document(self, kind: str, title: str, day: date, **about: UUID) -> UUID:
        names = {"title": title, "dated_on": day, "file_name": f"{title}.pdf"}
        return await self.add(Stream.DOCUMENTS, kind=kind, **names, **about)


@dataclass
class World:
    """What was written, and the parts of an application over it."""

    engine: Engine
    sync_engine: Engine
    clock: FakeClock
    parts: ApiParts
    tenants: dict[str, Tenant] = field(default_factory=dict)
    things: dict[str, UUID] = field(default_factory=dict)

    def app(self, profile: Profile = "production") -> Starlette:
        parts = self.parts
        return create_app(
            ApiParts(
                engine=parts.engine,
                blobs=parts.blobs,
                vault=parts.vault,
                link_key=parts.link_key,
                clock=parts.clock,
                profile=profile,
                public_url=parts.public_url,
                metrics=CollectorRegistry(),
            )
        )


class Api:
    """A front end: asks over HTTP."""

    def __init__(self, http: httpx.AsyncClient, world: World) -> None:
        self.http = http
        self.world = world

    async def post(
        self, query: str, *, tenant: str | None = None, landlord: str = "rives", **more: Any
    ) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if tenant:
            headers |= self.world.tenants[tenant].headers
        body = {"query": query, **more}
        return await self.http.post(f"/{landlord}/graphql", json=body, headers=headers)

    async def ask(self, query: str, *, tenant: str | None = "claire", **more: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        response = await self.post(query, tenant=tenant, **more)
        answer = response.json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def codes(self, query: str, *, tenant: str | None = "claire", **more: Any) -> list[str]:
        """The codes of an answer's errors."""
        response = await self.post(query, tenant=tenant, **more)
        return [error["extensions"]["code"] for error in response.json().get("errors", [])]


@pytest.fixture(scope="module")
async def world(module_database: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    engine = make_engine(module_database.url_for(Role.API), Role.API)
    sync_engine = make_engine(module_database.url_for(Role.SYNC), Role.SYNC)
    clock = FakeClock(NOW)
    parts = ApiParts(
        engine=engine,
        blobs=BlobStore(tmp_path_factory.mktemp("blobs").as_uri()),
        vault=Vault(MASTER_KEY),
        link_key=link_key(MASTER_KEY),
        clock=clock,
        profile="production",
        public_url="https://hub.example.org",
        metrics=CollectorRegistry(),
    )
    made = World(engine, sync_engine, clock, parts)
    await _seed_rives(made)
    await _seed_tilleuls(made)
    yield made
    await engine.dispose()
    await sync_engine.dispose()


@pytest.fixture(scope="module")
async def api(world: World) -> AsyncIterator[Api]:
    async with client(world.app()) as http:
        yield Api(http, world)


@pytest.fixture(scope="module")
async def developer_api(world: World) -> AsyncIterator[Api]:
    async with client(world.app("developer")) as http:
        yield Api(http, world)


@pytest.fixture
def pdf() -> bytes:
    return PDF


@pytest.fixture(scope="session")
def seeds_of() -> type[Seeds]:
    return Seeds


@pytest.fixture(name="client")
def client_fixture() -> Any:
    return client


@asynccontextmanager
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as http:
        yield http


async def _seed_rives(world: World) -> None:
    async with scope(world.sync_engine, "rives") as conn:
        landlord = LandlordRow("rives", "Rives d'Oise Habitat", "fr-FR", "Europe/Paris", ("locataires.rives.example",))
        await put_landlord(conn, landlord, now=NOW)
        seeds = Seeds(conn, "rives")
        await seeds.feed(Stream.ACCOUNTS, NOW - timedelta(hours=2))
        await seeds.feed(Stream.LEDGER_ENTRIES, NOW - timedelta(hours=1))
        things = world.things
        site = await seeds.add(Stream.SITES, kind="site", name="Les Lilas", line1="1 place des Lilas", city="Creil")
        building = await seeds.add(
            Stream.SITES,
            kind="building",
            name="Bâtiment A",
            parent_id=site,
            line1="12 rue des Lilas",
            postal_code="60100",
            city="Creil",
            country="FR",
        )
        far = await seeds.add(Stream.SITES, kind="site", name="Les Tilleuls", city="Nogent")
        for code, place in (("LILAS", site), ("LILAS-A", building), ("FAR", far)):
            await seeds.key("site", code, place)
        home = await seeds.add(
            Stream.UNITS, site_id=building, kind="dwelling", lot_number="004473", typology="T3", area_dm2=6250
        )
        garage = await seeds.add(
            Stream.UNITS, site_id=building, kind="garage", lot_number="G12", line1="3 rue Basse", city="Creil"
        )
        other_home = await seeds.add(Stream.UNITS, site_id=far, kind="dwelling", lot_number="9000")
        things |= {"home": home, "garage": garage, "other_home": other_home}

        claire = world.tenants["claire"] = await seeds.person("Mme", "Claire", "Petit")
        paul = world.tenants["paul"] = await seeds.person("M.", "Paul", "Petit")
        bruno = world.tenants["bruno"] = await seeds.person("M.", "Bruno", "Noir")
        world.tenants["nobody"] = await seeds.person("Mme", "Nadia", "Sans-Bail")

        lease = await seeds.contract(claire, "C-1")
        await seeds.party(lease, paul.person, "co_holder")
        ended = await seeds.contract(claire, "C-0", status="ended", starts_on=date(2008, 1, 1))
        upcoming = await seeds.contract(claire, "C-2", status="upcoming", starts_on=date(2027, 1, 1))
        things |= {"lease": lease, "ended": ended, "upcoming": upcoming}
        await seeds.add(Stream.CONTRACT_UNITS, contract_id=lease, unit_id=garage, is_main=False)
        await seeds.add(Stream.CONTRACT_UNITS, contract_id=lease, unit_id=home, is_main=True)
        await seeds.add(Stream.CONTRACT_UNITS, contract_id=ended, unit_id=other_home, is_main=True, missing_since=NOW)
        await _seed_prices(seeds, lease, home)

        account = await seeds.account(claire, "411-1", lease, opening_on=date(2018, 6, 1), opening_cents=OPENING)
        for day, sequence, kind, label, cents in GUIDE_LEDGER:
            await seeds.entry(account, day, sequence, kind, label, cents, unit_id=home)
        await seeds.entry(account, date(2018, 7, 11), 1, "fee", "Withdrawn", 99_99, missing_since=NOW)
        future = {"due_on": date(2026, 12, 5), "period_from": date(2026, 12, 1), "period_to": date(2026, 12, 31)}
        things["future"] = await seeds.entry(
            account, date(2026, 11, 18), 1, "rent", "LOG 004473 12/26", 50000, **future
        )
        erp = await seeds.account(
            claire, "411-2", lease, kind="garage", balance_on=date(2026, 11, 19), balance_cents=-1500
        )
        await seeds.account(claire, "411-3", lease, kind="deposit")
        things |= {"account": account, "erp_account": erp}
        await _seed_notices(world, seeds, account, lease, ended)

        foreign = await seeds.contract(bruno, "B-1")
        await seeds.add(Stream.CONTRACT_UNITS, contract_id=foreign, unit_id=other_home, is_main=True)
        foreign_account = await seeds.account(bruno, "411-9", foreign)
        things["foreign_entry"] = await seeds.entry(
            foreign_account, date(2026, 11, 1), 1, "rent", "LOG 009000 11/26", 41000
        )
        things["foreign_notice"] = await seeds.notice(foreign_account, foreign, 11, 41000)
        things["foreign_document"] = await seeds.document(
            "lease", "Bail de M. Noir", date(2020, 1, 1), contract_id=foreign
        )
        things["foreign_payment"] = await seeds.payment(bruno, foreign_account, 41000)
        things["payment"] = await seeds.payment(claire, account, 1000)
        await seeds.means()
        await _seed_contacts(conn)


async def _seed_prices(seeds: Seeds, lease: UUID, home: UUID) -> None:
    rent = {"contract_id": lease, "unit_id": home, "kind": "rent", "label": "Loyer principal"}
    await seeds.add(Stream.PRICE_COMPONENTS, external_id="P1", amount_cents=40000, to_on=date(2025, 12, 31), **rent)
    await seeds.add(Stream.PRICE_COMPONENTS, external_id="P2", amount_cents=41000, from_on=date(2026, 1, 1), **rent)
    charge = {"contract_id": lease, "kind": "service_charge", "label": "Provision pour charges"}
    await seeds.add(Stream.PRICE_COMPONENTS, external_id="P3", amount_cents=9000, **charge)
    await seeds.add(Stream.PRICE_COMPONENTS, external_id="P4", amount_cents=1, missing_since=NOW, **charge)


async def _seed_notices(world: World, seeds: Seeds, account: UUID, lease: UUID, ended: UUID) -> None:
    things = world.things
    for month in range(5, 11):
        named = lease if month != 9 else None  # one that only its account connects with the contract
        things[f"notice-{month}"] = await seeds.notice(account, named, month, 50000 + month)
    for position, (kind, cents) in enumerate((("rent", 41000), ("service_charge", 9000), ("rls", -990))):
        line = {"notice_id": things["notice-10"], "position": position, "kind": kind, "label": kind}
        await seeds.add(Stream.RENT_NOTICE_LINES, amount_cents=cents, **line)
    gone = {"notice_id": things["notice-10"], "position": 9, "kind": "other", "label": "gone", "amount_cents": 1}
    await seeds.add(Stream.RENT_NOTICE_LINES, missing_since=NOW, **gone)
    for month in (9, 10):
        paper = await seeds.document(
            "rent_notice", f"Avis {month}/26", date(2026, month, 1), notice_id=things[f"notice-{month}"]
        )
        things[f"paper-{month}"] = paper
        await _store_file(world, seeds, paper)
    things["lease-paper"] = await seeds.document("lease", "Bail", date(2015, 3, 1), contract_id=lease)
    things["ended-paper"] = await seeds.document("inspection", "État des lieux", date(2015, 2, 1), contract_id=ended)


async def _store_file(world: World, seeds: Seeds, document: UUID) -> None:
    key = await world.parts.vault.sealing_key(seeds.conn, landlord=seeds.landlord, now=NOW)
    facts = world.parts.blobs.put(key, BytesIO(PDF))
    contents = [DocumentContent(document, "application/pdf", facts)]
    await put_document_files(seeds.conn, landlord=seeds.landlord, contents=contents, run_id=1, now=NOW)


async def _seed_contacts(conn: Connection) -> None:
    hours = (Opening(1, time(8, 30), time(12)), Opening(1, time(13, 30), time(17)), Opening(5, time(8, 30), time(12)))
    points = [
        ContactPoint(role="call_centre", name="CRC", phone="03 44 00 00 00", hours=hours),
        ContactPoint(role="caretaker", name="Gardien des Lilas", site_codes=("LILAS",)),
        ContactPoint(role="caretaker", name="Gardien d'ailleurs", site_codes=("FAR",)),
    ]
    await put_contact_points(conn, landlord="rives", wanted=points)


async def _seed_tilleuls(world: World) -> None:
    async with scope(world.sync_engine, "tilleuls") as conn:
        await put_landlord(conn, LandlordRow("tilleuls", "Cité des Tilleuls", "en-GB", "Europe/Paris"), now=NOW)
        seeds = Seeds(conn, "tilleuls")
        dora = world.tenants["dora"] = await seeds.person("Mme", "Dora", "Blanc")
        lease = await seeds.contract(dora, "C-1")
        account = await seeds.account(dora, "411-1", lease)
        world.things["tilleuls-entry"] = await seeds.entry(account, date(2026, 11, 1), 1, "rent", "Loyer", 38000)
        world.things["tilleuls-payment"] = await seeds.payment(dora, account, 38000)
        world.tenants["erin"] = await seeds.person("Mme", "Erin", "Vert")
        await seeds.contract(world.tenants["erin"], "C-2")
