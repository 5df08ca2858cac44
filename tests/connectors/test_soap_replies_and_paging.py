"""Business messages, paging and cursors of the SOAP connector."""

from __future__ import annotations

import itertools
import time
from datetime import date
from pathlib import Path

import pytest

from erp_connectors.soap.paging import Pace, Pager, Progress
from erp_connectors.soap.reply import Marks, fault_error, judge, meaning, read_marks
from erp_connectors.soap.settings import Cursor, Message, Pages
from hub.errors import InputRefusedError, MisconfiguredError, RetryableError, SettingsError, TerminalError
from hub.ports import Spooled
from hub.testing.fakes import FakeClock, MemoryState
from hub.wire import Fault

KNOWN = (
    Message(match="No tenants exist", means="empty"),
    Message(match="no access to Yardi Property", means="misconfigured"),
    Message(match="try again", means="retryable"),
    Message(match="Receipt has already been reversed|May not NSF", means="terminal"),
)
ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<GetXResponse xmlns="urn:erp"><GetXResult>{}</GetXResult></GetXResponse></s:Body></s:Envelope>'
)


def marks(tmp_path: Path, content: str, *, rows: str = "Row", namespace: str | None = None) -> Marks:
    path = tmp_path / "reply.xml"
    path.write_text(ENVELOPE.format(content))
    return read_marks(
        Spooled("reply.xml", path),
        rows=rows,
        messages="Messages/Message",
        paging="Next",
        namespace=namespace,
    )


def judged(seen: Marks, *, silence: str = "empty") -> bool:
    return judge(seen, KNOWN, operation="GetX", silence=silence, secrets=["hunter2"])


def test_rows_messages_and_the_next_token_are_found_whatever_their_namespace(tmp_path):
    seen = marks(
        tmp_path,
        '<m:Rows xmlns:m="http://my-company.com/namespace"><m:Row><Next>inside</Next></m:Row><m:Row/></m:Rows>'
        "<Next> t2\n </Next>"
        "<Messages><Message>All\n   is well</Message></Messages>",
    )
    assert (seen.rows, seen.paging, seen.messages) == (2, "t2", ["All is well"])


def test_a_demanded_namespace_is_held(tmp_path):
    assert marks(tmp_path, "<Rows><Row/></Rows>", namespace="urn:erp").rows == 1
    with pytest.raises(InputRefusedError, match="urn:other"):
        marks(tmp_path, "<Rows><Row/></Rows>", namespace="urn:other")


def test_messages_at_http_200_are_classed(tmp_path):
    def said(text: str) -> Marks:
        return marks(tmp_path, f"<Messages><Message>{text}</Message></Messages>")

    assert judged(said("No tenants  exist\n with the given search criteria")) is False
    with pytest.raises(MisconfiguredError, match="no access"):
        judged(said("Invalid or no access to Yardi Property"))
    with pytest.raises(RetryableError):
        judged(said("Busy, TRY AGAIN"))
    with pytest.raises(TerminalError, match="May not NSF"):
        judged(said("May not  NSF  a receipt that has been NSF"))


def test_a_message_nobody_knows_is_not_taken_for_an_empty_answer(tmp_path):
    with pytest.raises(TerminalError, match="a message nobody knows: Le ciel est bleu"):
        judged(marks(tmp_path, "<Messages><Message>Le ciel est bleu</Message></Messages>"))


def test_a_remark_beside_rows_does_no_harm(tmp_path):
    assert judged(marks(tmp_path, "<Messages><Message>Le ciel</Message></Messages><Rows><Row/></Rows>"))


def test_rows_beside_a_word_of_emptiness_are_still_read(tmp_path):
    assert judged(marks(tmp_path, "<Messages><Message>No tenants exist</Message></Messages><Rows><Row/></Rows>"))


def test_rows_beside_a_refusal_are_not_taken_for_the_whole(tmp_path):
    with pytest.raises(RetryableError):
        judged(marks(tmp_path, "<Messages><Message>try again</Message></Messages><Rows><Row/></Rows>"))


def test_a_silent_reply_is_empty_unless_the_landlord_knows_better(tmp_path):
    assert judged(marks(tmp_path, "")) is False
    with pytest.raises(MisconfiguredError, match="neither rows nor a message"):
        judged(marks(tmp_path, ""), silence="misconfigured")


def test_a_server_that_quotes_our_password_does_not_get_it_into_an_error():
    with pytest.raises(TerminalError) as caught:
        judged(Marks(messages=["bad login hunter2"]))
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(fault_error(Fault("Server", "denied hunter2", False), "GetX", KNOWN, ["hunter2"]))


def test_faults_follow_the_landlords_patterns_first():
    assert isinstance(fault_error(Fault("Client", "please try again", True), "GetX", KNOWN, []), RetryableError)
    assert isinstance(fault_error(Fault("FailedAuthentication", "no", False), "GetX", KNOWN, []), MisconfiguredError)
    assert isinstance(fault_error(Fault("Client", "what?", True), "GetX", KNOWN, []), TerminalError)
    assert isinstance(fault_error(Fault("Server", "oops", False), "GetX", KNOWN, []), RetryableError)
    assert meaning("nothing known", KNOWN) is None


def pages_asked(pages: Pages, replies: list[Marks]) -> list[object]:
    pager, asked = Pager(pages, "GetX"), []
    for number, reply in enumerate(replies):
        asked.append(pager.values["page" if pages.by == "page" else "token"])
        if not pager.turn(reply, digest=str(number), before=str(number - 1)):
            break
    return asked


def test_pages_end_with_a_short_one_or_at_their_number_or_without_token():
    full, short = Marks(rows=2), Marks(rows=1)
    assert pages_asked(Pages(by="page", size=2), [full, full, short, full]) == [1, 2, 3]
    two = Marks(rows=2, paging="2")
    assert pages_asked(Pages(by="page", path="NombrePages", first=0), [two, two, two]) == [0, 1]
    tokens = [Marks(rows=1, paging="a"), Marks(rows=0, paging="b"), Marks(rows=1)]
    assert pages_asked(Pages(by="token", path="Next"), [*tokens, full]) == [None, "a", "b"]
    assert pages_asked(Pages(by="page", path="NombrePages"), [Marks(rows=0), full]) == [1]


def test_a_misspelt_number_of_pages_does_not_make_the_first_page_the_whole():
    with pytest.raises(MisconfiguredError, match="no number of pages at NombrePage"):
        Pager(Pages(by="page", path="NombrePage"), "GetX").turn(Marks(rows=200), digest="1", before="")


def test_a_server_that_turns_in_circles_is_stopped():
    pager = Pager(Pages(by="page", size=2), "GetX")
    pager.turn(Marks(rows=2), digest="same", before="")
    with pytest.raises(InputRefusedError, match="the same page again"):
        pager.turn(Marks(rows=2), digest="same", before="same")
    pager = Pager(Pages(by="token", path="Next"), "GetX")
    pager.turn(Marks(paging="t"), digest="1", before="")
    with pytest.raises(InputRefusedError, match="the same page again"):
        pager.turn(Marks(paging="t"), digest="2", before="1")


def test_a_delta_goes_on_from_the_greatest_value_with_its_overlap():
    progress = Progress(Cursor(path="D", overlap_days=7), "2026-11-20", date(2026, 12, 1))
    progress.see(["2026-11-19", None, "2026-11-25", "2026-11-21"])
    assert (progress.since, progress.reached) == (date(2026, 11, 13), "2026-11-25")
    assert Progress(Cursor(path="D"), None, date(2026, 12, 1)).since is None


def test_a_delta_by_day_goes_on_from_the_day_of_the_run():
    assert Progress(Cursor(), "2026-11-20", date(2026, 12, 1)).reached == "2026-12-01"


def test_versions_are_compared_as_numbers():
    progress = Progress(Cursor(path="V"), "999", date(2026, 12, 1))
    progress.see(["1000", "20261120", "998"])
    assert (progress.since, progress.reached) == ("999", "20261120")
    with pytest.raises(SettingsError, match="no date"):
        Progress(Cursor(path="V", overlap_days=1), "20261120", date(2026, 12, 1))


def test_calls_keep_their_pace():
    pace = Pace({"Slow": 600, "*": 60_000}, MemoryState(), FakeClock())
    start = time.monotonic()
    for operation in itertools.repeat("Slow", 4):
        pace.wait(operation)
    assert 0.28 <= time.monotonic() - start < 2
    start = time.monotonic()
    for operation in itertools.repeat("Other", 20):
        pace.wait(operation)
    assert time.monotonic() - start < 0.25


def test_a_slow_limit_holds_from_one_reading_to_the_next():
    state, clock, limit = MemoryState(), FakeClock(), {"Slow": 120}
    Pace(limit, state, clock).wait("Slow")
    start = time.monotonic()
    clock.move(seconds=0.2)
    Pace(limit, state, clock).wait("Slow")
    assert 0.25 <= time.monotonic() - start < 2
    start = time.monotonic()
    clock.move(seconds=0.6)
    Pace(limit, state, clock).wait("Slow")
    assert time.monotonic() - start < 0.25
