"""People are told of a bad night once, and of its end; by mail and webhook, over real servers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from hub.config.problems import LandlordFileError
from hub.errors import HubError, MisconfiguredError, NotFoundError, RetryableError, SettingsError, UnreachableError
from hub.jobs import Job
from hub.store.engine import scope
from hub.store.job_rows import claim, list_dead, read_payload
from hub.store.run_rows import FeedRun
from hub.telling.alerts import tell_end_of_run
from hub.telling.mail import send_mail
from hub.telling.message import Message, compose
from hub.telling.send import handle_notify, send_test

MAIL = """
[[notify]]
mail = ["it@example.org", "boss@example.org"]
on = ["held", "failed", "late", "recovered", "summary"]
"""
DAY = timedelta(days=1)


async def test_fifty_failing_runs_are_told_once_and_their_end_once(hub: Any, listener: Any, mail_server: Any) -> None:
    await hub.apply(MAIL + listener.entry())
    for _ in range(50):
        await hub.end_run("failed")
        await hub.send()
        hub.clock.move(minutes=15)
    assert [post.json["event"] for post in listener.posts] == ["problem"]
    assert [mail["Subject"] for mail in mail_server.mails] == ["[aubes] contracts en échec"]

    for _ in range(3):
        await hub.end_run("applied")
        await hub.send()
    assert [post.json["event"] for post in listener.posts] == ["problem", "recovered"]
    assert [mail["Subject"] for mail in mail_server.mails][1:] == ["[aubes] rétabli : contracts en échec"]

    await hub.end_run("refused")
    await hub.send()
    assert [post.json["event"] for post in listener.posts] == ["problem", "recovered", "problem"]


async def test_a_night_that_fails_everywhere_is_one_message(hub: Any, listener: Any) -> None:
    await hub.apply(listener.entry())
    run_id = await hub.end_run("failed", *(f"feed{number}" for number in range(13)))
    await hub.send()
    (post,) = listener.posts
    assert post.json["subject"] == "[aubes] feed0 failed, feed1 failed, feed2 failed, feed3 failed, +9"
    assert [one["feed"] for one in post.json["problems"]] == [f"feed{number}" for number in range(13)]
    assert f"Run {run_id} of 20 November 2026 05:00 UTC, aubes: failed" in post.json["text"]
    assert "the file is cut" in post.json["text"]


async def test_held_then_failed_then_good_is_two_problems_and_one_end(hub: Any, listener: Any) -> None:
    await hub.apply(listener.entry())
    for state in ("held", "failed", "waiting", "skipped", "unchanged"):
        await hub.end_run(state)
        await hub.send()
    told = [(post.json["event"], [one["problem"] for one in post.json["problems"]]) for post in listener.posts]
    assert told == [("problem", ["held"]), ("problem", ["failed"]), ("recovered", ["held", "failed"])]


async def test_who_wants_to_know_of_holds_only_hears_of_holds_only(hub: Any, listener: Any, mail_server: Any) -> None:
    await hub.apply(listener.entry(on='["held"]') + '\n[[notify]]\nmail = ["it@example.org"]\non = ["failed"]')
    await hub.end_run("failed", "ledger")
    await hub.end_run("held", "contracts")
    await hub.end_run("applied", "ledger", "contracts")
    await hub.send()
    assert [post.json["subject"] for post in listener.posts] == ["[aubes] contracts held"]
    assert len(mail_server.mails) == 1


async def test_the_mail_says_what_runs_show_says(hub: Any, mail_server: Any) -> None:
    await hub.apply(MAIL)
    await hub.served(hub.clock.now() - DAY)
    run_id = await hub.end_run("failed")
    await hub.send()
    (mail,) = mail_server.mails
    text = mail.get_content().replace("\r\n", "\n")
    assert f"Run {run_id} of 20 November 2026 05:00 UTC, aubes: failed\n  contracts         failed\n" in text
    assert "tenants still see the last good data, as of 19 November 2026 05:00 UTC" in text
    assert "Vous êtes prévenu une fois" in text
    assert mail_server.recipients == [["it@example.org", "boss@example.org"]]
    assert mail["From"] == "hub@hub.example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@hub.example.org>")


async def test_a_webhook_is_signed_over_its_time_and_body(hub: Any, listener: Any) -> None:
    await hub.apply(listener.entry())
    await hub.end_run("failed")
    await hub.send()
    (post,) = listener.posts
    timestamp = post.headers["Housing-Hub-Timestamp"]
    signed = timestamp.encode() + b"." + post.body
    expected = hmac.new(listener.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert post.headers["Housing-Hub-Signature"] == f"v1={expected}"
    assert post.headers["Housing-Hub-Key-Id"] == "2026-11"
    assert int(timestamp) == int(hub.clock.now().timestamp())
    assert post.headers["Idempotency-Key"] == post.json["id"]


async def test_a_listener_that_is_down_gets_the_same_message_again_until_it_takes_it(hub: Any, listener: Any) -> None:
    await hub.apply(listener.entry())
    listener.answers = [500, 503, 204]
    await hub.end_run("failed")
    for _ in range(6):
        await hub.send()
        hub.clock.move(minutes=20)
    assert len(listener.posts) == 3
    assert len({post.headers["Idempotency-Key"] for post in listener.posts}) == 1
    assert len({post.headers["Housing-Hub-Timestamp"] for post in listener.posts}) == 3  # a fresh signature each
    assert [row.state for row in await hub.jobs()] == ["done"]


async def test_a_message_nobody_takes_becomes_a_dead_letter(hub: Any, listener: Any) -> None:
    await hub.apply(listener.entry())
    listener.answers = [500] * 20
    await hub.end_run("failed")
    for _ in range(12):
        await hub.send()
        hub.clock.move(minutes=20)
    assert len(listener.posts) == 8
    async with scope(hub.telling.engine, "aubes") as conn:
        (dead,) = await list_dead(conn)
    assert "given up after 8 attempts" in (dead.last_error or "")
    assert "who=us" not in (dead.last_error or "")


async def test_a_worker_killed_before_it_sends_leaves_the_message_to_the_next(hub: Any, listener: Any) -> None:
    """The run's end and what is asked for are one transaction; a second attempt carries the same key."""
    await hub.apply(listener.entry())
    await hub.end_run("failed")
    assert [row.state for row in await hub.jobs()] == ["ready"]
    assert listener.posts == []
    await hub.send()
    await hub.send()
    assert len(listener.posts) == 1


async def test_the_end_of_a_run_that_is_not_kept_tells_nobody(hub: Any, listener: Any) -> None:
    config = await hub.apply(listener.entry())
    report = FeedRun(feed="contracts", stream="contracts", state="failed")
    with pytest.raises(RuntimeError, match="lease lost"):
        async with scope(hub.telling.engine, "aubes") as conn:
            await tell_end_of_run(conn, config, run_id=1, reports=[report], now=hub.clock.now())
            raise RuntimeError("lease lost")
    assert await hub.jobs() == []
    await hub.end_run("failed")
    assert len(await hub.jobs()) == 1


@pytest.mark.parametrize("change", [{"private_hosts": "[]"}, {"allow_http": "false"}])
async def test_a_webhook_into_the_house_is_refused(hub: Any, listener: Any, change: dict[str, str]) -> None:
    await hub.apply(listener.entry(**change))
    await hub.end_run("failed")
    await hub.send()
    (row,) = await hub.jobs()
    assert (row.state, listener.posts) == ("dead", [])


async def test_late_data_is_told_once_reminded_daily_and_its_end_told(hub: Any, listener: Any) -> None:
    await hub.apply(listener.entry())
    await hub.served(hub.clock.now() - timedelta(hours=1))
    for _ in range(3):  # a day and a half is not late yet
        await hub.round()
        hub.clock.move(hours=11)
    assert await hub.jobs() == []
    for _ in range(40):
        hub.clock.move(hours=1)
        await hub.round()
        await hub.send()
    assert [post.json["event"] for post in listener.posts] == ["problem", "reminder"]
    assert listener.posts[0].json["problems"][0]["problem"] == "late"
    await hub.served(hub.clock.now())
    await hub.round()
    await hub.round()
    await hub.send()
    assert [post.json["event"] for post in listener.posts] == ["problem", "reminder", "recovered"]


@pytest.mark.parametrize(("mode", "late"), [("delta", 0), ("snapshot", 1)])
async def test_a_delta_that_brings_nothing_is_not_late_while_its_source_is_looked_at(
    hub: Any, listener: Any, mode: str, late: int
) -> None:
    def told() -> float | None:
        labels = {"landlord": "aubes", "feed": "contracts"}
        found: float | None = hub.runtime.metrics.registry.get_sample_value("hub_feed_late", labels)
        return found

    await hub.apply(listener.entry(), mode=mode)
    await hub.served(hub.clock.now())
    for _ in range(5):
        hub.clock.move(days=1)
        await hub.end_run("unchanged")
    await hub.round()
    assert told() == late
    for _ in range(2):
        hub.clock.move(days=1)
        await hub.end_run("failed")  # a look that failed is none
    await hub.round()
    assert told() == 1


async def test_a_problem_of_a_feed_that_is_gone_is_forgotten(hub: Any, listener: Any) -> None:
    await hub.apply(listener.entry())
    await hub.end_run("failed", "renamed_since")
    await hub.round()
    hub.clock.move(days=2)
    await hub.round()
    await hub.send()
    assert [post.json["event"] for post in listener.posts] == ["problem"]


async def test_the_summary_comes_once_a_day_at_its_hour(hub: Any, mail_server: Any) -> None:
    await hub.apply(MAIL, summary='summary = "daily 07:00"')
    await hub.served(hub.clock.now())
    await hub.round()  # the morning's slot is over: it is noted, not told
    for _ in range(24 * 3):
        hub.clock.move(hours=1)
        await hub.round()
        await hub.round()
    await hub.send()
    subjects = [mail["Subject"] for mail in mail_server.mails]
    assert sum("résumé du" in subject for subject in subjects) == 3
    text = next(mail.get_content() for mail in mail_server.mails if "résumé" in mail["Subject"])
    assert "contracts         as of 2026-11-20 05:00 UTC" in text


async def test_a_test_message_says_what_happened_to_each(hub: Any, listener: Any, mail_server: Any) -> None:
    await hub.apply(MAIL + listener.entry() + "\n" + listener.entry(name='"broken"', private_hosts="[]"))
    told = {name: (sent, said) for name, sent, said in await send_test(hub.telling, "aubes")}
    assert told["mail"] == (True, "handed to 127.0.0.1 for 2 address(es)")
    assert told["webhook"][0]
    assert "204" in told["webhook"][1]
    assert not told["broken"][0]
    assert "private_hosts" in told["broken"][1]
    assert len(mail_server.mails) == len(listener.posts) == 1
    await hub.apply("")
    with pytest.raises(NotFoundError, match="names nobody"):
        await send_test(hub.telling, "aubes")


async def test_an_entry_that_vanished_meanwhile_is_passed_over(hub: Any, listener: Any) -> None:
    await hub.apply(listener.entry())
    await hub.end_run("failed")
    await hub.apply("")
    await hub.send()
    assert ([row.state for row in await hub.jobs()], listener.posts) == (["done"], [])


@pytest.mark.parametrize(
    ("notify", "said"),
    [
        ("[[notify]]", "either mail or webhook"),
        ('[[notify]]\nmail = ["a@b.org"]\nwebhook = "https://c.org"', "either mail or webhook"),
        ('[[notify]]\nwebhook = "https://c.org"', "webhook needs secret"),
        ('[[notify]]\nwebhook = "https://c.org"\nsecret = "hush"', "secrets do not stand in this file"),
        ('[[notify]]\nwebhook = "https://c.org"\nsecret = { env = "NOT_SET" }', "the environment has no NOT_SET"),
        ('[[notify]]\nmail = ["not an address"]', "mail"),
        ('[[notify]]\nmail = ["a@b.org"]\n[[notify]]\nmail = ["c@b.org"]', 'two [[notify]] are called "mail"'),
        ('[[notify]]\nmail = ["a@b.org"]\non = ["sometimes"]', "on"),
        ('[notify]\nmail = ["a@b.org"]', "write [[notify]]"),
    ],
)
async def test_a_wrong_entry_is_told_with_its_line(hub: Any, notify: str, said: str) -> None:
    with pytest.raises(LandlordFileError) as caught:
        await hub.apply(notify)
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
    assert any(problem.where.line for problem in caught.value.problems)


async def test_a_summary_wants_a_time_of_day(hub: Any) -> None:
    with pytest.raises(LandlordFileError, match="no time of day"):
        await hub.apply("", summary='summary = "every 5 minutes"')


async def test_the_secret_is_stored_sealed_only(hub: Any, listener: Any) -> None:
    config = await hub.apply(listener.entry())
    assert listener.secret not in config.to_json()
    assert ("notify.webhook", "secret") in config.secret_names


def _message(hub: Any) -> Message:
    return compose(message_id="1", landlord="aubes", name="A", event="test", language="en", now=hub.clock.now())


@pytest.mark.parametrize(
    ("reply", "error"), [("450 later", RetryableError), ("550 no such user it@example.org", MisconfiguredError)]
)
async def test_refused_addresses_are_classed_and_not_named(
    hub: Any, mail_server: Any, reply: str, error: type[HubError]
) -> None:
    mail_server.refuse = {"it@example.org": reply}
    url = SecretStr(mail_server.url)
    with pytest.raises(error) as caught:
        send_mail(_message(hub), smtp_url=url, sender="a@b.org", addresses=["it@example.org"], now=hub.clock.now())
    assert "it@example.org" not in str(caught.value)
    addresses = ["it@example.org", "boss@example.org"]
    said = send_mail(_message(hub), smtp_url=url, sender="a@b.org", addresses=addresses, now=hub.clock.now())
    assert said.endswith("which refused 1 of them")
    assert mail_server.recipients == [["boss@example.org"]]


async def test_a_wrong_password_is_told_and_never_shown(hub: Any, mail_server: Any) -> None:
    url = SecretStr(mail_server.url.replace("//", "//us:wr0ng%2Fone@"))
    with pytest.raises(MisconfiguredError, match="refuses our user or password") as caught:
        send_mail(_message(hub), smtp_url=url, sender="a@b.org", addresses=["it@example.org"], now=hub.clock.now())
    assert "wr0ng" not in str(caught.value)
    mail_server.password = "wr0ng/one"
    send_mail(_message(hub), smtp_url=url, sender="a@b.org", addresses=["it@example.org"], now=hub.clock.now())
    assert len(mail_server.mails) == 1


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (None, SettingsError),
        ("https://mail.example.org", SettingsError),
        ("smtp://", SettingsError),
        ("smtp://127.0.0.1:1", UnreachableError),
    ],
)
async def test_a_mail_server_that_is_not_there(hub: Any, url: str | None, error: type[HubError]) -> None:
    with pytest.raises(error):
        send_mail(
            _message(hub),
            smtp_url=None if url is None else SecretStr(url),
            sender="a@b.org",
            addresses=["it@example.org"],
            now=hub.clock.now(),
        )


async def test_a_worker_killed_after_it_sent_repeats_the_message_under_its_key(hub: Any, listener: Any) -> None:
    """Its lease runs out unfinished: the next attempt is known by the key for what it is."""
    await hub.apply(listener.entry())
    await hub.end_run("failed")
    async with scope(hub.runtime.dispatch_engine, None) as conn:
        (claimed,) = (
            await claim(conn, queue="notify", slots=1, lease_seconds=0, now=hub.clock.now(), woken_by="poll")
        ).jobs
    async with scope(hub.telling.engine, "aubes") as conn:
        payload = await read_payload(conn, claimed)
    await handle_notify(Job(claimed, payload or {}, hub.clock), hub.runtime, hub.telling)  # and here it is killed
    await hub.send()
    assert [row.state for row in await hub.jobs()] == ["done"]
    assert len(listener.posts) == 2
    assert len({post.headers["Idempotency-Key"] for post in listener.posts}) == 1


async def test_the_command_tries_every_way_and_says_so(hub: Any, listener: Any, mail_server: Any) -> None:
    await hub.apply(MAIL + listener.entry())
    environ = {
        "PATH": os.environ["PATH"],
        "HOUSING_HUB_DATABASE_URL": hub.settings.database_url,
        "HOUSING_HUB_MASTER_KEY": hub.settings.master_key.get_secret_value(),
        "HOUSING_HUB_DATA_DIR": str(hub.settings.data_dir),
        "HOUSING_HUB_SMTP_URL": mail_server.url,
    }
    command = [sys.executable, "-m", "hub.cli", "notify", "test", "aubes"]
    ran = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "✓ handed to 127.0.0.1 for 2 address(es)" in ran.stdout
    assert "answered 204" in ran.stdout
    assert len(mail_server.mails) == len(listener.posts) == 1
