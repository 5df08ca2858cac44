"""ERPs that refuse, hang, drip, are busy, are away or hostile: told, tried again where that helps, survived."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

SOAP, SFTP = "rives-doise", "cite-des-tilleuls"
BOTH = (SOAP, SFTP)
SECRETS = {SOAP: "sandbox/secrets/rives_password", SFTP: "sandbox/secrets/tilleuls_key"}
IMPATIENT = "[connectors.erp.network]\ntotal_seconds = 1.0"
BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE soap:Envelope [<!ENTITY a "aaaaaaaaaaaaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><R><Residence>
<Code>&c;</Code></Residence></R></soap:Body></soap:Envelope>"""


def impatient(text: str) -> str:
    changed = text.replace("[connectors.erp.network]", IMPATIENT)
    assert changed != text
    return changed


async def untouched(house: Any, slug: str) -> tuple[Any, ...]:
    """What is served, and how old it is said to be."""
    return await house.dump(slug), await house.rows(slug, "select feed, as_of from feed_state order by feed")


def summary(run: Any) -> list[tuple[str, str | None]]:
    return [(one.state, one.error_code) for one in run.feed_runs]


# --- wrong set-up -----------------------------------------------------------------------------------------------------


@contextmanager
def counted_logins(house: Any, slug: str) -> Iterator[list[str]]:
    """Every login the ERP sees."""
    seen: list[str] = []

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def judged(*given: Any) -> Any:
            seen.append(slug)
            return real(*given)

        return judged

    sandbox = house.sandbox
    if slug == SOAP:
        sandbox.soap.reply_to = counting(sandbox.soap.reply_to)
    else:
        sandbox.sftp.knows_password = counting(sandbox.sftp.knows_password)
    yield seen


@pytest.mark.parametrize("slug", BOTH)
async def test_a_wrong_password_is_tried_once_and_told(home: Any, slug: str) -> None:
    before = await untouched(home, slug)
    (home.folder / "wrong").write_text("not-the-password")
    await home.apply(slug, with_a_wrong_password)

    with counted_logins(home, slug) as logins:
        run = await home.sync(slug)

    first, *others = run.feed_runs
    assert ("failed", "MISCONFIGURED") == (first.state, first.error_code)
    assert first.hint
    assert {("skipped", "MISCONFIGURED")} == set(summary(run)[1:])
    assert all(one.error == f"not tried: {first.error}" for one in others)
    assert 1 == len(logins)
    assert ("failed", "done") == (run.state, (await home.job()).state), "nobody tries a wrong password again"
    assert before == await untouched(home, slug)
    assert "not-the-password" not in str(run)


def with_a_wrong_password(text: str) -> str:
    for key, secret in (("password", SECRETS[SOAP]), ("private_key", SECRETS[SFTP])):
        text = text.replace(f'{key} = {{ file = "../{secret}" }}', 'password = { file = "../wrong" }')
    assert "../wrong" in text
    return text


async def test_a_changed_host_key_stops_the_hub_before_it_logs_in(home: Any) -> None:
    before = await untouched(home, SFTP)
    home.sandbox.sftp.change_host_key()

    with counted_logins(home, SFTP) as logins:
        run = await home.sync(SFTP, "sites", "units")

    assert [("failed", "MISCONFIGURED"), ("skipped", "MISCONFIGURED")] == summary(run)
    assert home.sandbox.sftp.fingerprint in run.feed_runs[0].error
    assert "host_key" in run.feed_runs[0].hint
    assert [] == logins
    assert before == await untouched(home, SFTP)


async def test_one_feed_wrongly_set_up_does_not_stop_the_others(home: Any) -> None:
    await home.apply(SOAP, lambda text: text.replace('operation = "ListerPersonnes"', 'operation = "ListerTiers"'))

    run = await home.sync(SOAP, "sites", "persons", "contracts")

    assert ["applied", "failed", "applied"] == [one.state for one in run.feed_runs]
    assert "ListerTiers" in run.feed_runs[1].error


async def test_a_refused_row_that_is_told_again_and_again_waits_once(home: Any) -> None:
    """A delta asks again for its last days: the same reply brings no further rows into quarantine."""
    tolerant = "[feeds.ledger]\nmax_rejected = 1_000_000\n"
    await home.apply(SOAP, lambda text: text.replace('LOG = "rent"\n', "").replace("[feeds.ledger]\n", tolerant))
    counts = []
    for _ in range(3):
        report = await home.feed(SOAP, "ledger")
        counts.append(len(await home.rows(SOAP, "select from quarantine where state = 'open'")))
    assert report.quarantined > 0
    assert counts[1] == counts[2]


# --- away, slow, busy -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", BOTH)
async def test_an_erp_that_is_away_is_called_again_later_and_later_and_then_left_alone(home: Any, slug: str) -> None:
    before = await untouched(home, slug)
    home.sandbox.stop()
    run_id = await home.ask(slug, "sites", "units")
    waits = []
    for attempt in (1, 2):
        assert 1 == await home.work()
        run, job = await home.run(slug, run_id), await home.job()
        assert ("running", "ready", attempt) == (run.state, job.state, job.attempts)
        assert [("failed", "UNREACHABLE"), ("skipped", "UNREACHABLE")] == summary(run)
        assert f"{slug}, feed sites" in job.last_error
        waits.append(job.run_at - home.clock.now())
        home.clock.instant = job.run_at
    assert sorted(waits) == waits
    assert waits[-1] > 2 * waits[0] > timedelta(0)

    assert 1 == await home.work()
    assert "failed" == (await home.run(slug, run_id)).state
    job = await home.job()
    assert ("ready", ["erp"]) == (job.state, job.needs), "it goes on once the ERP answers (test_breaker_nights)"
    assert 0 == await home.work()
    assert before == await untouched(home, slug)


async def test_an_erp_that_is_back_is_read_by_the_same_run(home: Any, open_again: Callable[[], Any]) -> None:
    home.sandbox.advance(days=1)
    home.sandbox.stop()
    run_id = await home.ask(SFTP)
    await home.work()
    open_again()
    home.clock.move(days=1)

    await home.work()

    run = await home.run(SFTP, run_id)
    assert ("done", []) == (run.state, [one.error for one in run.feed_runs if one.error])
    assert home.truth(SFTP) == await home.holds(SFTP)


@pytest.fixture
def open_again(home: Any, stack: Any) -> Callable[[], Any]:
    """Start the stopped sandbox again, where it was."""

    def start() -> None:
        from hub.sandbox import Sandbox

        told = home.sandbox
        home.sandbox = stack.enter_context(Sandbox(told.folder, seed=1, contracts=12, today=told.day))
        assert told.state == home.sandbox.state

    return start


@pytest.mark.parametrize("fault", [{"hang": True}, {"drip_seconds": 0.3}], ids=["hangs", "drips"])
async def test_a_server_that_never_comes_to_an_end_is_left_in_time(home: Any, fault: dict[str, Any]) -> None:
    await home.apply(SOAP, impatient)
    await home.sync(SOAP, "sites")
    before = await untouched(home, SOAP)
    for name, value in fault.items():
        setattr(home.sandbox.soap.faults, name, value)
    began = time.monotonic()

    run_id = await home.ask(SOAP, "contracts", "accounts")
    await home.work()

    assert time.monotonic() - began < 8
    run = await home.run(SOAP, run_id)
    assert [("failed", "DEADLINE"), ("skipped", "DEADLINE")] == summary(run)
    assert "longer than 1 s" in run.feed_runs[0].error
    assert ("running", "ready") == (run.state, (await home.job()).state)
    assert before == await untouched(home, SOAP)


async def test_a_busy_erp_is_asked_again_for_what_it_did_not_give(home: Any) -> None:
    home.sandbox.advance(days=31)
    home.clock.move(days=31)
    home.sandbox.soap.faults.busy = 2
    run_id = await home.ask(SOAP)
    await home.work()
    run = await home.run(SOAP, run_id)
    states = {one.feed: one.state for one in run.feed_runs}
    assert {"sites": "failed", "units": "failed"} == {name: one for name, one in states.items() if one != "applied"}
    assert "Serveur occupe" in run.feed_runs[0].error

    home.clock.move(minutes=1)
    await home.work()

    again = await home.run(SOAP, run_id)
    assert ("done", []) == (again.state, [one.error for one in again.feed_runs if one.error])
    assert run.feed_runs[2:] == again.feed_runs[2:], "what it gave is not asked for again"
    assert home.truth(SOAP) == await home.holds(SOAP)


async def test_a_hanging_landlord_does_not_hold_up_another(home: Any) -> None:
    await home.apply(SOAP, lambda text: impatient(text).replace("total_seconds = 1.0", "total_seconds = 60.0"))
    home.sandbox.advance(days=1)
    home.clock.move(days=1)
    home.sandbox.soap.faults.hang = True
    hung, quick = await home.ask(SOAP), await home.ask(SFTP)
    working = asyncio.create_task(home.work())

    async with asyncio.timeout(45):
        while (await home.run(SFTP, quick)).state != "done":
            await asyncio.sleep(0.05)

    assert "running" == (await home.run(SOAP, hung)).state
    assert home.truth(SFTP) == await home.holds(SFTP)
    home.sandbox.soap.stop()
    await working


# --- hostile ----------------------------------------------------------------------------------------------------------


@contextmanager
def hostile_server(body: bytes, *, status: int = 200, **headers: str) -> Iterator[str]:
    """Answers every call with the same bytes."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in ({"Content-Type": "text/xml", "Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/erp"
        finally:
            server.shutdown()
            thread.join()


HALF = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><R><Residence><Code>R1</Code>'


@pytest.mark.parametrize(
    ("body", "answer", "code"),
    [
        (BOMB, {}, "INPUT_REFUSED"),
        (HALF, {}, "INPUT_REFUSED"),
        (b"<html><body>Maintenance", {"Content-Type": "text/html"}, "MISCONFIGURED"),
        (b"", {"status": 302, "Location": "http://169.254.169.254/latest/meta-data"}, "MISCONFIGURED"),
    ],
    ids=["XML bomb", "cut in the middle", "a web page", "a redirect inside"],
)
async def test_a_hostile_or_broken_reply_changes_nothing(
    home: Any, body: bytes, answer: dict[str, Any], code: str
) -> None:
    before = await untouched(home, SOAP)
    with hostile_server(body, **answer) as address:
        await home.apply(SOAP, lambda text: text.replace('auth = "wsse', f'address = "{address}"\nauth = "wsse'))
        run = await home.sync(SOAP, "sites")

    (report,) = run.feed_runs
    assert ("failed", code) == (run.state, report.error_code), report.error
    assert report.error
    assert report.hint
    assert before == await untouched(home, SOAP)
