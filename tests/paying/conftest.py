"""A hub with two landlords that take payments: their ERPs and payment providers are the sandbox's, the API is asked
over HTTP, and a worker's jobs are done when a test says so."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import text

from hub.bootstrap import build_api, build_worker
from hub.cli.demo import write_landlord_files
from hub.config import LandlordConfig, Settings, read_landlord
from hub.domain.payment_events import PaymentEvent
from hub.domain.references import new_reference, operation_key
from hub.jobs import JobRuntime, NoBell, WorkerParts, drain
from hub.paying.parts import PayingParts
from hub.sandbox import Sandbox
from hub.sandbox.payments.model import How, Payment
from hub.services.apply_config import apply_config
from hub.services.start_sync import start_sync, watch_run
from hub.store.access_tokens import issue_token
from hub.store.engine import scope
from hub.store.ids import new_id
from hub.store.payment_rows import NewPayment, PaymentRow, events_of, get_payment, insert_payment
from hub.store.posting_rows import PostingRow, postings_of
from hub.testing.fakes import FakeClock
from payment_providers.dummy.webhooks import signed
from tenant_api import ids
from tenant_api.asgi import create_app
from tenant_api.ids import Kind

ROOT = Path(__file__).parents[2]
RIVES, TILLEULS = "rives-doise", "cite-des-tilleuls"
BOTH = (RIVES, TILLEULS)
MASTER_KEY = base64.b64encode(hashlib.sha256(b"test").digest()).decode()
FRONT = "https://locataires.example.org/espace/"
PUBLIC = "https://hub.example.org"
DUMMY_KEYS = {RIVES: "dummy-key-of-rives", TILLEULS: "dummy-key-of-tilleuls"}
_ADVANCE = {RIVES: "0.00", TILLEULS: "500.00"}  # at the end of a month nothing is owed at Tilleuls
_SHOPS = {RIVES: "69876501", TILLEULS: "69876502"}

START = """mutation ($input: StartPaymentInput!, $key: String!) { startPayment(input: $input, idempotencyKey: $key) {
  __typename
  ... on PaymentRedirect { url payment { ...P } } ... on PaymentDone { payment { ...P } }
  ... on PaymentRefused { reason payment { ...P } } ... on PaymentPending { reason pollAfter payment { ...P } }
  ... on PaymentInProgress { code payment { ...P action { __typename } } }
  ... on PaymentAlreadyPaid { account { id } } } }
  fragment P on Payment { id reference state reason mine isOpen booking amount { amount } }"""
LOOK = """query ($id: ID!) { node(id: $id) { ... on Payment { id reference state reason mine isOpen booking
  amount { amount } refunded { amount } action { __typename } } } }"""
ACCOUNT = """query ($id: ID!) { node(id: $id) { ... on Account {
  balance { amount } dueNow { amount } payable { amount } } } }"""


@dataclass(frozen=True)
class Tenant:
    """Somebody who owes something, with a token. `owed`: cents by account."""

    landlord: str
    person: UUID
    token: str
    owed: Mapping[UUID, int]
    kinds: Mapping[UUID, str]

    @property
    def account(self) -> UUID:
        return next(iter(self.owed))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class House:
    """The hub, and what people and providers do to it."""

    settings: Settings
    clock: FakeClock
    worker: WorkerParts
    paying: PayingParts
    http: httpx.AsyncClient
    sandbox: Sandbox
    admin_url: str
    folder: Path
    tenants: dict[str, list[Tenant]] = field(default_factory=dict)

    @property
    def runtime(self) -> JobRuntime:
        return self.worker.runtime

    @property
    def engine(self) -> Any:
        return self.paying.engine

    # -- the worker --------------------------------------------------------------------------------------------------

    async def work(self) -> int:
        """What is due of the payments' jobs."""
        return await drain(self.runtime, queue="payments")

    async def post(self) -> int:
        """What is due to be told to the ERP."""
        return await drain(self.runtime, queue="postings")

    async def sync(self, slug: str, *feeds: str) -> None:
        run_id = await start_sync(self.engine, self.clock, NoBell(), slug, feeds)
        await drain(self.runtime, queue="sync")
        run = await watch_run(self.engine, slug, run_id)
        assert run.state == "done", run

    async def config(self, slug: str = RIVES) -> LandlordConfig:
        return await self.paying.config(slug)

    async def pass_time(self, **amount: float) -> None:
        """Minute by minute would be more than is looked at: jobs run when they fall due."""
        until = self.clock.now() + timedelta(**amount)
        while (due := await self._next_due(until)) is not None:
            self.clock.instant = max(due, self.clock.now())
            await self.work()
        self.clock.instant = until

    async def _next_due(self, until: datetime) -> datetime | None:
        with self.admin() as conn:
            found = conn.execute(
                "select min(run_at) as at from job where state = 'ready' and queue = 'payments'"
            ).fetchone()
        at: datetime | None = None if found is None else found.at
        return at if at is not None and at <= until else None

    # -- a tenant ----------------------------------------------------------------------------------------------------

    async def ask(self, tenant: Tenant | None, query: str, landlord: str = RIVES, **variables: Any) -> dict[str, Any]:
        """An answer of the API, while a worker works."""
        headers = tenant.headers if tenant else {}
        body = {"query": query, "variables": variables}
        slug = tenant.landlord if tenant else landlord
        asking = asyncio.create_task(self.http.post(f"/{slug}/graphql", json=body, headers=headers))
        while not asking.done():
            await self.work()
            await asyncio.sleep(0.01)
        answered = await asking
        assert answered.headers["content-type"].startswith("application/json"), answered.text
        found: dict[str, Any] = answered.json()
        return found

    async def codes(self, tenant: Tenant | None, query: str, **variables: Any) -> list[str]:
        answer = await self.ask(tenant, query, **variables)
        return [error["extensions"]["code"] for error in answer.get("errors", [])]

    async def start(
        self,
        tenant: Tenant,
        amount: Any = "12.00",
        means: str = "card",
        *,
        key: str = "",
        accounts: Sequence[UUID] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """What `startPayment` answers: its result, or the codes of its errors under `codes`."""
        parts = [{"accountId": ids.encode(Kind.ACCOUNT, one), "amount": amount} for one in accounts or [tenant.account]]
        given = {"parts": parts, "means": means, "returnUrl": FRONT, **more}
        answer = await self.ask(tenant, START, input=given, key=key or f"key-{uuid4().hex}")
        if "errors" in answer:
            return {"codes": [error["extensions"]["code"] for error in answer["errors"]]}
        found: dict[str, Any] = answer["data"]["startPayment"]
        return found

    async def look(self, tenant: Tenant, payment: str) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask(tenant, LOOK, id=payment))["data"]["node"]
        return found

    async def figures(self, tenant: Tenant) -> tuple[str, str, str]:
        """Balance, due now and payable of the tenant's account."""
        shown = (await self.ask(tenant, ACCOUNT, id=ids.encode(Kind.ACCOUNT, tenant.account)))["data"]["node"]
        return shown["balance"]["amount"], shown["dueNow"]["amount"], shown["payable"]["amount"]

    # -- the providers -----------------------------------------------------------------------------------------------

    def at_lyra(self, reference: str, landlord: str = RIVES) -> Payment:
        (found,) = self.sandbox.payments.book.store.of_reference(f"{landlord}/lyra", reference)
        return found

    def act(self, reference: str, how: How = "pay", landlord: str = RIVES) -> Payment:
        payment = self.at_lyra(reference, landlord)
        self.sandbox.payments.book.act(payment, how)
        return payment

    def ipn(self, reference: str, landlord: str = RIVES, place: int = -1) -> tuple[bytes, dict[str, str]]:
        """A notification of a payment, signed as it would leave."""
        book, payment = self.sandbox.payments.book, self.at_lyra(reference, landlord)
        shop = book.shops[payment.shop]
        told = book.sites["lyra"].signed(shop, book.store.told_of(payment.id)[place])
        return told.body, dict(told.headers)

    def dummy_webhook(self, reference: str, event: PaymentEvent, landlord: str = RIVES) -> tuple[bytes, dict[str, str]]:
        return signed(DUMMY_KEYS[landlord], reference, event, self.clock.now())

    async def tell(
        self, body: bytes, headers: Mapping[str, str], means: str = "card", landlord: str = RIVES
    ) -> httpx.Response:
        """A webhook, over HTTP."""
        return await self.http.post(f"/{landlord}/webhooks/{means}", content=body, headers=dict(headers))

    async def come_back(self, reference: str, means: str = "card", landlord: str = RIVES) -> httpx.Response:
        return await self.http.get(f"/{landlord}/returns/{means}/{reference}")

    # -- what is held ------------------------------------------------------------------------------------------------

    async def payment(self, shown: Mapping[str, Any] | UUID, landlord: str = RIVES) -> PaymentRow:
        payment_id = shown if isinstance(shown, UUID) else ids.decode(shown["id"])[1]
        async with scope(self.engine, landlord) as conn:
            found = await get_payment(conn, payment_id)
        assert found is not None
        return found

    async def events(self, payment_id: UUID, landlord: str = RIVES) -> list[PaymentEvent]:
        async with scope(self.engine, landlord) as conn:
            return [row.event for row in await events_of(conn, payment_id)]

    async def postings(self, payment_id: UUID, landlord: str = RIVES) -> list[PostingRow]:
        async with scope(self.engine, landlord) as conn:
            return await postings_of(conn, payment_id)

    async def rows(self, sql: str, landlord: str = RIVES, **values: Any) -> list[Any]:
        async with scope(self.engine, landlord) as conn:
            return list((await conn.execute(text(sql), values)).all())

    async def inbox(self, landlord: str = RIVES) -> list[tuple[str, str]]:
        """State and reason of what came in, oldest first."""
        found = await self.rows("select state, reason from payment_webhook order by id", landlord)
        return [tuple(row) for row in found]

    def admin(self) -> psycopg.Connection[Any]:
        """A connection past every policy, to look."""
        url = self.admin_url.replace("+psycopg", "")
        return psycopg.connect(url, autocommit=True, row_factory=psycopg.rows.namedtuple_row)

    def digest(self, *, without: Sequence[str] = ()) -> str:
        """A hash of all that is held of payments, whoever's."""
        tables = ("payment", "payment_part", "payment_action", "payment_event", "payment_refund", "erp_posting")
        with self.admin() as conn:
            held = [
                conn.execute(f"select t::text from {table} t order by 1").fetchall()  # type: ignore[arg-type]
                for table in (*tables, "domain_event", "settlement", "settlement_line")
                if table not in without
            ]
        return hashlib.sha256(repr([[tuple(row) for row in rows] for rows in held]).encode()).hexdigest()

    async def insert(
        self, tenant: Tenant, parts: Mapping[UUID, int], means: str = "card", *, engine: Any = None
    ) -> UUID:
        """A payment as a request writes it, without asking for any work (`engine`: of another event loop)."""
        now, payment_id = self.clock.now(), new_id()
        new = NewPayment(
            id=payment_id,
            reference=new_reference(),
            person_id=tenant.person,
            provider=means,
            method="card" if means == "card" else "test",
            amount_cents=sum(parts.values()),
            currency="EUR",
            language="fr",
            return_url=FRONT,
            idempotency_key=f"key-{payment_id}",
            request_sha256="0" * 64,
            start_key=operation_key(payment_id, "start"),
            snapshot={},
            created_at=now,
            expires_at=now + timedelta(minutes=30),
            changed_at=now,
        )
        async with scope(engine or self.engine, tenant.landlord) as conn:
            await insert_payment(conn, landlord=tenant.landlord, new=new, parts=parts, blocks=False)
        return payment_id


def _with_payments(slug: str, written: str, folder: Path) -> str:
    """The landlord's own file, its payments replaced by ours."""
    head, _, rest = written.partition("\n[payments]\n")
    feeds = rest[rest.index("\n[feeds.") :]
    key = folder / f"{slug}.dummy_key"
    key.write_text(DUMMY_KEYS[slug])
    secrets = f"../sandbox/secrets/pay_{slug}_lyra"
    return f"""{head}
[payments]
return_urls = ["{FRONT}"]
advance = "{_ADVANCE[slug]}"

[providers.card]
plugin = "lyra"
order = 1
endpoint = "@PAYMENTS@"
shop_id = "{_SHOPS[slug]}"
mode = "TEST"
seconds = 10
password = {{ file = "{secrets}_password" }}
hmac_key = {{ file = "{secrets}_hmac_key" }}
network = {{ private_hosts = ["127.0.0.1"], allow_http = true }}

[providers.pretend]
plugin = "dummy"
order = 90
webhook_key = {{ file = "{key}" }}
{feeds}"""


async def open_house(folder: Path, sandbox: Sandbox, database: Any, admin_url: str, stack: AsyncExitStack) -> House:
    settings = Settings(
        database_url=str(database.url),
        data_dir=folder / "data",
        master_key=MASTER_KEY,
        profile="developer",
        public_url=PUBLIC,
    )
    clock = FakeClock(datetime.now(UTC).replace(microsecond=0))
    worker = build_worker(settings, clock=clock)
    stack.push_async_callback(worker.close)
    paying: PayingParts = worker.runtime.handlers["pay.start"].keywords["parts"]  # type: ignore[attr-defined]
    api = build_api(settings, clock=clock)
    stack.push_async_callback(api.close)
    transport = httpx.ASGITransport(app=create_app(api), raise_app_exceptions=False)
    http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://hub.test"))
    return House(settings, clock, worker, paying, http, sandbox, admin_url, folder)


async def apply(house: House, slug: str, change: Callable[[str], str] = lambda text: text) -> None:
    """Put a landlord's file in force, its text changed first."""
    folder = house.folder
    (beside := folder / "sandbox").exists() or beside.symlink_to(house.sandbox.folder)
    (folder / "own").mkdir(exist_ok=True)
    written = {path.stem: path for path in write_landlord_files(folder, house.sandbox.state, source=ROOT / "landlords")}
    standing = (written.get(slug) or folder / "landlords" / f"{slug}.toml").read_text()
    made = _with_payments(slug, standing, folder).replace("@PAYMENTS@", house.sandbox.payments.url)
    path = folder / "own" / f"{slug}.toml"
    path.write_text(change(made))
    config = read_landlord(path, house.paying.sync.registry)
    await apply_config(house.engine, house.paying.sync.vault, house.clock, config)


_OWING = """
    select p.person_id, a.id as account_id, a.kind, a.number from party p
    join contract c on c.id = p.contract_id and c.missing_since is null
    join account_contract ac on ac.contract_id = c.id and ac.missing_since is null
    join account a on a.id = ac.account_id and a.missing_since is null
    where p.role in ('holder', 'co_holder') and p.missing_since is null and a.kind in ('rent', 'garage')
      and c.status = '{status}'
    order by a.number, p.role desc, a.kind desc"""


async def find_tenants(house: House, slug: str, status: str = "current") -> list[Tenant]:
    """Persons who owe something on an account, those of one account one after the other."""
    owing: dict[UUID, dict[UUID, str]] = {}
    for row in await house.rows(_OWING.format(status=status), slug):
        owing.setdefault(row.person_id, {})[row.account_id] = row.kind
    found = []
    now = house.clock.now()
    for person, kinds in owing.items():
        async with scope(house.engine, slug) as conn:
            issued = await issue_token(
                conn, landlord=slug, person_id=person, now=now, expires_at=now + timedelta(days=60)
            )
        tenant = Tenant(slug, person, issued.token, dict.fromkeys(kinds, 0), kinds)
        owed = {}
        for account in kinds:
            shown = await house.ask(tenant, ACCOUNT, id=ids.encode(Kind.ACCOUNT, account))
            if shown["data"]["node"] is not None:
                owed[account] = cents(shown["data"]["node"]["payable"]["amount"])
        found.append(Tenant(slug, person, issued.token, dict(sorted(owed.items(), key=lambda one: -one[1])), kinds))
    return sorted(found, key=lambda one: -max(one.owed.values(), default=0))


def cents(shown: str) -> int:
    whole, _, part = shown.partition(".")
    return int(whole) * 100 + (-1 if whole.startswith("-") else 1) * int(part)


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """ERPs and providers for the tests that leave the ERPs' books alone."""
    today = datetime.now(UTC).date()
    with Sandbox(tmp_path_factory.mktemp("paying-sandbox"), seed=1, contracts=14, today=today) as sandbox:
        yield sandbox


@dataclass(frozen=True)
class Evening:
    """Both landlords after their first night: a database to clone, and who lives there."""

    database: str
    tenants: dict[str, list[Tenant]]


@pytest.fixture(scope="session")
async def first_night(
    pg_server: Any, template_db: str, clone_of: Any, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Evening]:
    folder = tmp_path_factory.mktemp("first-night")
    with clone_of(template_db) as database:
        name = str(database.url).partition("?")[0].rpartition("/")[2]
        async with AsyncExitStack() as stack:
            house = await open_house(folder, running_sandbox, database, pg_server.url(name), stack)
            for slug in BOTH:
                await apply(house, slug)
                await house.sync(slug)
            tenants = {slug: await find_tenants(house, slug) for slug in BOTH}
        yield Evening(name, tenants)


@pytest.fixture
async def house(
    pg_server: Any, clone_of: Any, first_night: Evening, running_sandbox: Sandbox, tmp_path: Path
) -> AsyncIterator[House]:
    """A hub with both landlords and their tenants, of a test's own."""
    async with AsyncExitStack() as stack:
        database = stack.enter_context(clone_of(first_night.database))
        name = str(database.url).partition("?")[0].rpartition("/")[2]
        made = await open_house(tmp_path, running_sandbox, database, pg_server.url(name), stack)
        made.tenants = first_night.tenants
        yield made


@pytest.fixture
def rich(first_night: Evening) -> Tenant:
    """Who owes Rives d'Oise most."""
    return first_night.tenants[RIVES][0]


@pytest.fixture
def couple(first_night: Evening) -> tuple[Tenant, Tenant]:
    """Two tenants of one account of Rives d'Oise."""
    tenants = first_night.tenants[RIVES]
    return next(
        (one, other)
        for one in tenants
        for other in tenants
        if one.person != other.person and one.owed.keys() & other.owed.keys()
    )


@pytest.fixture
def neighbour(first_night: Evening) -> Tenant:
    """A tenant of Cité des Tilleuls."""
    return first_night.tenants[TILLEULS][0]


@dataclass(frozen=True)
class Making:
    """How a test makes a house of its own."""

    open_house: Any
    apply: Any
    find_tenants: Any


@pytest.fixture(scope="session")
def making() -> Making:
    return Making(open_house, apply, find_tenants)


@pytest.fixture(name="apply")
def apply_fixture() -> Any:
    return apply
