"""Payments handed to an ERP in numbered files: whole or not at all, never twice, answered, booked the next night."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import connector_postings as postings
import pytest
from connector_postings import FIRST, HASTY, TODAY, batch, booked, paid
from pydantic import ValidationError

from erp_connectors.sftp_files import FolderFilesConnector, SftpFilesConnector
from hub.errors import MisconfiguredError, RetryableError, TerminalError
from hub.ports import PostingBatch, PostingResult, Push
from hub.sandbox import Landlord, Sandbox, truth_of
from hub.sandbox.inbox import ANSWERS, FOLDER
from hub.sandbox.mischief import Order
from hub.testing.bench import Bench

SFTP: Landlord = "cite-des-tilleuls"
SECOND = "HH0000000002"
NAME = "ENC_000001_20261120.csv"


@pytest.fixture
def erp(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "world", contracts=12, today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture
def still(erp: Sandbox) -> Sandbox:
    """An ERP that takes files when it is told to."""
    erp.inbox.stop()
    return erp


@pytest.fixture
def bench(bench_of: Callable[..., Bench], erp: Sandbox) -> Bench:
    return bench_of(SFTP, erp, only="ledger")


def post(bench: Bench, what: PostingBatch | None = None) -> list[PostingResult]:
    return postings.post(bench, what or batch(paid(SFTP)))


def find(bench: Bench, what: PostingBatch | None = None) -> list[PostingResult]:
    return postings.find(bench, what or batch(paid(SFTP)))


def answers(bench: Bench) -> list[PostingResult]:
    with bench.open() as connector:
        return list(connector.answered_postings())


def files(erp: Sandbox) -> list[str]:
    return sorted(path.name for path in (erp.root / FOLDER).iterdir() if path.is_file())


def folder_bench(bench: Bench, folder: Path, **changes: Any) -> Bench:
    """The same files in a folder of this machine."""
    for name in ("archives", "retours"):
        (folder / "encaissements" / name).mkdir(parents=True, exist_ok=True)
    settings = {"folder": str(folder), "posting": bench.settings["posting"] | changes}
    return Bench(FolderFilesConnector, settings, [], folder.parent / "bench", clock=bench.clock)


def test_it_says_that_it_posts_in_files_that_are_answered(bench: Bench) -> None:
    own = bench.check_settings(bench.settings)
    assert SftpFilesConnector.push_of(own) == Push(batch=True, read_back=True, answers=True)


def test_a_file_says_what_the_landlord_wrote_and_its_control_file_agrees(bench: Bench, still: Sandbox) -> None:
    back = paid(SFTP, SECOND, 345, kind="reversal", reverses=FIRST, reason="refunded")

    assert [one.outcome for one in post(bench, batch(paid(SFTP, cents=100_005), back))] == ["sent", "sent"]

    assert files(still) == ["ENC_000001_20261120.csv", "ENC_000001_20261120.ctl"]
    assert (still.root / FOLDER / NAME).read_bytes().decode("cp1252") == (
        "REF_PAIEMENT;CPT_CLIENT;NUM_CTR;DT_PAIEMENT;MODE;SENS;MONTANT;REF_ORIGINE;MOTIF;ORIGINE\r\n"
        "HH0000000001;C411000001;;20/11/2026;CBL;C;1000,05;;;HUB\r\n"
        "HH0000000002;C411000001;;20/11/2026;CBL;D;3,45;HH0000000001;RBT;HUB\r\n"
    )
    control = (still.root / FOLDER / NAME).with_suffix(".ctl").read_text()
    assert control.split() == [f"FICHIER={NAME}", "LIGNES=2", "TOTAL=1003,50"]


def test_a_payment_is_sent_then_answered_then_seen_in_the_next_nights_ledger(bench: Bench, erp: Sandbox) -> None:
    before = erp.truth(SFTP)["balances"]["C411000001"]["balance_cents"]
    post(bench)
    deadline = time.monotonic() + 5
    while not answers(bench) and time.monotonic() < deadline:
        time.sleep(0.1)

    assert [(one.reference, one.outcome, one.batch) for one in answers(bench)] == [(FIRST, "posted", 1)]
    assert find(bench)[0].outcome == "posted"
    assert erp.truth(SFTP)["balances"]["C411000001"]["balance_cents"] == before
    erp.advance()
    [seen] = [row for row in bench.harvest(bench.feeds[0]).rows if row["payment_ref"]]
    assert (seen["payment_ref"], seen["amount_cents"], seen["kind"]) == (FIRST, -12_345, "payment_card")
    assert erp.truth(SFTP) == truth_of(erp.folder, SFTP)


def test_a_file_still_to_be_taken_is_taken_before_the_night(bench: Bench, still: Sandbox) -> None:
    post(bench)
    still.advance()

    assert booked(still, SFTP) == [(FIRST, -12_345)]
    assert "HH0000000001" in (still.root / "compta/ECR_20261121_01.csv").read_text("cp1252")


def test_what_was_never_sent_is_absent(bench: Bench) -> None:
    assert find(bench)[0].outcome == "absent"


def test_a_file_is_found_where_it_lies_and_where_the_erp_put_it(bench: Bench, still: Sandbox) -> None:
    still.misbehave(SFTP, Order("post-lost-answer"))
    post(bench)
    assert find(bench)[0].outcome == "sent"
    still.inbox.pick_up()

    assert not files(still)
    assert find(bench)[0].outcome == "sent"
    assert not answers(bench)
    assert len(booked(still, SFTP)) == 1


@pytest.mark.parametrize("what", ["post-hang", "post-drop"])
def test_broken_off_on_delivery_it_is_found_or_written_again_the_same(bench: Bench, still: Sandbox, what: str) -> None:
    still.misbehave(SFTP, Order(what))
    with pytest.raises(RetryableError):
        post(bench)
    still.behave(SFTP)
    # The data file has its place, its control file has not: the ERP would wait for ever.
    assert find(bench)[0].outcome == "absent"
    still.inbox.pick_up()

    assert post(bench)[0].outcome == "sent"
    still.inbox.pick_up()
    assert post(bench)[0].outcome == "sent"  # taken already: it is not put there again
    still.inbox.pick_up()
    assert booked(still, SFTP) == [(FIRST, -12_345)]
    assert find(bench)[0].outcome == "posted"


def test_a_half_written_file_is_no_delivery(bench: Bench, still: Sandbox) -> None:
    (still.root / FOLDER / f"{NAME}.tmp").write_bytes(b"REF_PAIEMENT;CPT")

    assert find(bench)[0].outcome == "absent"
    assert post(bench)[0].outcome == "sent"
    assert files(still) == [NAME, NAME.replace(".csv", ".ctl")]


def test_a_number_with_another_content_is_never_written_over(bench: Bench, still: Sandbox) -> None:
    post(bench)
    before = (still.root / FOLDER / NAME).read_bytes()

    with pytest.raises(TerminalError, match="another content"):
        post(bench, batch(paid(SFTP, SECOND)))
    assert (still.root / FOLDER / NAME).read_bytes() == before


@pytest.mark.parametrize(("what", "terminal", "code"), [("post-closed", True, "20"), ("post-locked", False, "30")])
def test_refusals_are_answers(bench: Bench, still: Sandbox, what: str, terminal: bool, code: str) -> None:
    still.misbehave(SFTP, Order(what, times=1))
    post(bench, batch(paid(SFTP), paid(SFTP, SECOND)))
    still.inbox.pick_up()

    first, second = answers(bench)
    assert (first.outcome, first.terminal, first.code) == ("refused", terminal, code)
    assert first.message
    assert second.outcome == "posted"


def test_what_was_refused_in_one_file_and_is_under_way_in_the_next_is_told_apart(bench: Bench, still: Sandbox) -> None:
    still.misbehave(SFTP, Order("post-locked", times=1))
    post(bench)
    still.inbox.pick_up()
    again = batch(paid(SFTP), number=2)
    post(bench, again)

    assert find(bench, again)[0].outcome == "sent"
    assert [(one.outcome, one.batch) for one in answers(bench)] == [("refused", 1)]
    still.inbox.pick_up()
    assert find(bench, again)[0].outcome == "posted"


def test_a_reference_sent_in_two_files_is_posted_once(bench: Bench, still: Sandbox) -> None:
    for number in (1, 2):
        post(bench, batch(paid(SFTP), number=number))
        still.inbox.pick_up()

    assert [one.outcome for one in answers(bench)] == ["posted", "posted"]
    assert len(booked(still, SFTP)) == 1


def test_an_answer_nobody_knows_is_a_refusal_for_a_person(bench: Bench, still: Sandbox) -> None:
    path = still.root / ANSWERS / "ACQ_000001.csv"
    path.write_bytes(b"REF_PAIEMENT;CODE_RETOUR;LIBELLE\r\nHH0000000001;77;Contactez x@example.org\r\n")

    [told] = answers(bench)

    assert (told.outcome, told.terminal, told.code) == ("refused", True, "77")
    assert "example.org" not in told.message


def test_the_last_line_of_an_answer_counts_when_it_is_ended(bench: Bench, still: Sandbox) -> None:
    path = still.root / ANSWERS / "ACQ_000001.csv"
    path.write_bytes(b"REF_PAIEMENT;CODE_RETOUR;LIBELLE\r\nHH0000000001;00;ok\r\nHH0000000002;0")

    assert [one.reference for one in answers(bench)] == [FIRST]


def test_check_tells_that_the_folder_is_missing_and_writes_nothing(bench: Bench, still: Sandbox) -> None:
    with bench.open() as connector:
        [good] = [one for one in connector.check(bench.feeds) if one.step == "posting"]
    assert good.ok, good
    wrong = bench.settings["posting"] | {"file": "ailleurs/ENC_{number}.csv"}
    with bench.open({"posting": wrong}) as connector:
        [bad] = [one for one in connector.check(bench.feeds) if one.step == "posting"]
    assert not bad.ok
    assert bad.hint
    assert not files(still)


def test_a_folder_that_is_missing_is_for_a_person(bench: Bench) -> None:
    wrong = bench.settings["posting"] | {"file": "ailleurs/ENC_{number}.csv", "taken": []}
    with bench.open({"posting": wrong}, network=HASTY) as connector, pytest.raises(MisconfiguredError):
        connector.post(batch(paid(SFTP)))


def test_a_folder_of_this_machine_takes_the_same_file(bench: Bench, still: Sandbox, tmp_path: Path) -> None:
    post(bench)
    local = folder_bench(bench, tmp_path / "local")

    assert post(local)[0].outcome == "sent"
    assert (tmp_path / "local" / FOLDER / NAME).read_bytes() == (still.root / FOLDER / NAME).read_bytes()
    assert find(local)[0].outcome == "sent"
    with pytest.raises(TerminalError, match="another content"):
        post(local, batch(paid(SFTP, SECOND)))


def test_signed_amounts_a_trailer_and_no_answers(bench: Bench, tmp_path: Path) -> None:
    columns = [{"name": "R", "value": "{reference}"}, {"name": "M", "value": "{owed}"}]
    plain = {"columns": columns, "header": False, "trailer": "FIN;{rows:04d};{net:,}", "newline": "\n"}
    local = folder_bench(bench, tmp_path / "local", **plain, control=None, answers=None)
    back = paid(SFTP, SECOND, 345, kind="reversal", reverses=FIRST)

    results = post(local, batch(paid(SFTP), back))

    assert [one.outcome for one in results] == ["posted", "posted"]
    written = (tmp_path / "local" / FOLDER / NAME).read_text()
    assert written == "HH0000000001;-123.45\nHH0000000002;3.45\nFIN;0002;120,00\n"


def test_an_erp_that_deletes_what_it_took_is_believed_to_have_it(bench: Bench, tmp_path: Path) -> None:
    local = folder_bench(bench, tmp_path / "local", taken=[])
    post(local)
    for path in (tmp_path / "local" / FOLDER).glob("ENC*"):
        path.unlink()

    assert find(local)[0].outcome == "sent"


def test_settings_without_a_number_are_refused(bench: Bench) -> None:
    for wrong in ({"file": "encaissements/ENC.csv"}, {"file": "{number}/x.csv"}, {"trailer": "{reference}"}):
        with pytest.raises(ValidationError):
            bench.check_settings({**bench.settings, "posting": bench.settings["posting"] | wrong})


def test_a_number_that_was_used_before_hides_no_payment(bench: Bench, still: Sandbox) -> None:
    """As after a restored database: the file of this number is another's, wherever it lies by now."""
    post(bench)
    again = batch(paid(SFTP, SECOND))
    for _ in ("where it was put", "where the ERP put it"):
        assert find(bench, again)[0].outcome == "absent"
        with pytest.raises(TerminalError, match="another content"):
            post(bench, again)
        still.inbox.pick_up()


def test_a_part_of_a_batch_is_found_in_the_file_of_the_whole(bench: Bench, still: Sandbox) -> None:
    still.misbehave(SFTP, Order("post-lost-answer"))
    post(bench, batch(paid(SFTP), paid(SFTP, SECOND)))

    assert find(bench, batch(paid(SFTP, SECOND)))[0].outcome == "sent"
    still.inbox.pick_up()
    assert find(bench, batch(paid(SFTP, SECOND)))[0].outcome == "sent"
