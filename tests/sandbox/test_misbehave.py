"""A sandbox told to misbehave by another process: seen over the real wire, put right again, remembered."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import paramiko
import pytest
import zeep
from typer.testing import CliRunner
from zeep.wsse.username import UsernameToken

from hub.cli.app import build
from hub.errors import HubError, InvalidAskError, NotFoundError
from hub.sandbox import Sandbox, truth_of
from hub.sandbox.control import tell
from hub.sandbox.misbehaviours import MISBEHAVIOURS, SFTP, SOAP
from hub.sandbox.payments.misbehaviours import PAYMENT_MISBEHAVIOURS

TODAY = date(2026, 11, 20)
WORLD: dict[str, Any] = {"contracts": 24, "today": TODAY}
HURT_FILES = [what for what, one in MISBEHAVIOURS.items() if not one.is_of_door and not one.is_of_till]
HURT_REPLIES = [what for what in HURT_FILES if SOAP not in (MISBEHAVIOURS[what].not_for or {})]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world's folder, made once: tests begin with a copy."""
    folder = tmp_path_factory.mktemp("first")
    with Sandbox(folder, **WORLD):
        pass
    return folder


@pytest.fixture
def own(data_dir: Path, first_day: Path) -> Iterator[Sandbox]:
    shutil.copytree(first_day, data_dir / "sandbox", ignore=shutil.ignore_patterns("run"))
    with Sandbox(data_dir / "sandbox", **WORLD) as sandbox:
        yield sandbox


def ask(sandbox: Sandbox, landlord: str, what: str, file: str = "", **more: Any) -> Any:
    """As another process asks."""
    if what == "truncate" and not file:
        file = "ListerComptes" if landlord == SOAP else "CPT"
    order = {"what": what, "file": file, **more}
    return tell(sandbox.folder, {"do": "misbehave", "landlord": landlord, "order": order})


def behave(sandbox: Sandbox, landlord: str) -> Any:
    return tell(sandbox.folder, {"do": "behave", "landlord": landlord})


def files_of(sandbox: Sandbox) -> dict[str, bytes]:
    return {
        path.relative_to(sandbox.root).as_posix(): path.read_bytes()
        for path in sandbox.root.rglob("*.*")
        if path.is_file()
    }


def times_of(sandbox: Sandbox) -> dict[str, float]:
    return {path.name: path.stat().st_mtime for path in sandbox.root.rglob("*.csv")}


def rows(sandbox: Sandbox, name: str, day: date | None = None) -> list[list[str]]:
    path = sandbox.root / f"{name}_{day or sandbox.day:%Y%m%d}.csv"
    return [line.split(";") for line in path.read_text("cp1252").splitlines()]


def said(sandbox: Sandbox, name: str) -> dict[str, str]:
    """The control file."""
    path = sandbox.root / f"{name}_{sandbox.day:%Y%m%d}.ctl"
    return dict(line.split("=", 1) for line in path.read_text("ascii").splitlines())


class _Anyone(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Whoever answers is right."""


@contextmanager
def visit(sandbox: Sandbox) -> Iterator[paramiko.SFTPClient]:
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(_Anyone())
        password = (sandbox.folder / "secrets/tilleuls_password").read_text()
        client.connect("127.0.0.1", sandbox.sftp.port, "hub", password, allow_agent=False, look_for_keys=False)
        with client.open_sftp() as files:
            files.get_channel().settimeout(0.6)  # type: ignore[union-attr]  # it is open
            yield files


def service(sandbox: Sandbox) -> Any:
    token = UsernameToken("hub", (sandbox.folder / "secrets/rives_password").read_text())
    return zeep.Client(sandbox.soap.wsdl_url, wsse=token).service


def contracts(sandbox: Sandbox) -> list[Any]:
    return list(service(sandbox).ListerContrats(Page=1, TaillePage=500).Contrats.Contrat)


def entries(sandbox: Sandbox) -> list[Any]:
    return list(service(sandbox).ListerEcritures(DepuisLe=sandbox.day).Ecritures.Ecriture)


# --- every one of them ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", HURT_FILES)
def test_a_hurt_export_is_another_one_and_is_put_back_to_the_byte(own: Sandbox, what: str) -> None:
    own.advance()
    began = times_of(own)
    ask(own, SFTP, what)
    hurt = files_of(own)
    truth = own.truth("cite-des-tilleuls")

    behave(own, SFTP)

    good = files_of(own)
    assert hurt != good
    assert all(when >= began.get(name, 0) for name, when in times_of(own).items()), "a good file comes later"
    assert truth == own.truth("cite-des-tilleuls") == truth_of(own.folder, "cite-des-tilleuls")
    assert not (own.folder / "good").exists()
    assert [] == [name for name in good if name.endswith(".tmp")]
    for path in own.root.rglob("*.ctl"):
        lines = len(path.with_suffix(".csv").read_bytes().splitlines()) if path.with_suffix(".csv").exists() else None
        facts = dict(line.split("=", 1) for line in path.read_text("ascii").splitlines())
        assert lines is None or int(facts["LIGNES"]) == lines - 1, path.name


@pytest.mark.parametrize("what", HURT_REPLIES)
def test_a_hurt_reply_is_another_one_and_is_right_again(own: Sandbox, what: str) -> None:
    own.advance()

    def told() -> Any:
        """The raw replies, or how they end."""
        found = []
        for operation in ("ListerContrats", "ListerComptes", "ListerEcritures"):
            try:
                call = getattr(service(own), operation)
                found.append(repr(call() if operation == "ListerEcritures" else call(Page=1, TaillePage=500)))
            except (httpx.HTTPError, OSError, zeep.exceptions.Error) as error:
                found.append(type(error).__name__)
        return found

    ask(own, SOAP, what)
    hurt = told()
    behave(own, SOAP)

    assert hurt != told()
    assert own.truth("rives-doise") == truth_of(own.folder, "rives-doise")


def test_what_a_landlord_cannot_do_is_refused_with_a_reason(own: Sandbox) -> None:
    refused = [
        (landlord, what, reason)
        for what, one in MISBEHAVIOURS.items()
        for landlord, reason in (one.not_for or {}).items()
    ]
    assert len(refused) == 9
    for landlord, what, reason in refused:
        with pytest.raises(InvalidAskError, match=reason):
            ask(own, landlord, what)
    assert {} == own.orders


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_truncated_file_ends_in_a_row_and_its_control_file_tells_what_there_was(own: Sandbox) -> None:
    ask(own, SFTP, "truncate-contracts")

    cut = rows(own, "contrats/CTR")
    assert 1 < len(cut) - 1 < 24 == int(said(own, "contrats/CTR")["LIGNES"])
    assert len(cut[-1]) < len(cut[0]) or cut[-1][-1] == ""


def test_dropped_contracts_are_gone_from_every_file_with_control_files_that_agree(own: Sandbox) -> None:
    before = {row[0] for row in rows(own, "contrats/CTR")[1:]}
    ask(own, SFTP, "drop-contracts")

    left = {row[0] for row in rows(own, "contrats/CTR")[1:]}
    assert len(before) - len(left) == 6
    assert str(len(left)) == said(own, "contrats/CTR")["LIGNES"]
    assert {row[1] for row in rows(own, "contrats/RUB")[1:]} <= left
    own.advance()
    assert left == {row[0] for row in rows(own, "contrats/CTR")[1:]}, "the same ones the next night"


def test_after_so_many_nights_the_export_is_good_again(own: Sandbox) -> None:
    ask(own, SFTP, "drop-contracts", times=2)
    counts = []
    for _ in range(3):
        counts.append(len(rows(own, "contrats/CTR")) - 1)
        own.advance()
    assert [18, 18, 24] == counts


def test_a_renamed_header_keeps_its_rows(own: Sandbox) -> None:
    good = rows(own, "contrats/CTR")
    ask(own, SFTP, "rename-header")
    renamed = rows(own, "contrats/CTR")
    assert (good[1:], "STATUT") == (renamed[1:], renamed[0][good[0].index("ETAT")])


def test_a_moved_column_moves_with_its_header(own: Sandbox) -> None:
    good = rows(own, "contrats/CTR")
    ask(own, SFTP, "move-column")
    moved = rows(own, "contrats/CTR")
    assert moved[0][-1] == "ETAT"
    assert [dict(zip(good[0], row, strict=True)) for row in good] == [
        dict(zip(moved[0], row, strict=True)) for row in moved
    ]


def test_stale_files_are_yesterdays_under_todays_name_and_with_yesterdays_time(own: Sandbox) -> None:
    with pytest.raises(InvalidAskError, match="no older export"):
        ask(own, SFTP, "stale")
    assert {} == own.orders

    yesterday, times = files_of(own)["compta/CPT_20261120.csv"], (own.root / "compta/CPT_20261120.csv").stat()
    own.advance()
    ask(own, SFTP, "stale")

    today = own.root / "compta/CPT_20261121.csv"
    assert (yesterday, times.st_mtime) == (today.read_bytes(), today.stat().st_mtime)
    assert "CPT_20261121.csv" == said(own, "compta/CPT")["FICHIER"]


def test_a_resent_file_is_the_same_under_another_name(own: Sandbox) -> None:
    ask(own, SFTP, "resend")
    files = files_of(own)
    assert files["compta/ECR_20261120_01.csv"] == files["compta/ECR_20261120_02.csv"]
    assert ["compta/ECR_20261120_02.csv", "compta/ECR_20261120_02.ctl"] == behave(own, SFTP)
    assert "compta/ECR_20261120_02.csv" not in files_of(own)


def test_a_new_code_comes_with_the_next_nights_entries(own: Sandbox) -> None:
    ask(own, SFTP, "new-code")
    path = max((own.root / "compta").glob("ECR_*_01.csv"))
    codes = [line.split(";")[9] for line in path.read_text("cp1252").splitlines()[1:]]
    assert own.day > TODAY
    assert 2 == codes.count("NVX")


def test_an_entry_comes_before_its_account_which_comes_when_the_erp_behaves(own: Sandbox) -> None:
    ask(own, SFTP, "orphan-entry")
    (number,) = own.newcomers(SFTP, since=TODAY)
    ledger = max((own.root / "compta").glob("ECR_*_01.csv")).read_text("cp1252")
    assert number in ledger
    assert number not in {row[0].strip() for row in rows(own, "compta/CPT")}

    behave(own, SFTP)

    assert number in {row[0].strip() for row in rows(own, "compta/CPT")}
    assert number in own.truth("cite-des-tilleuls")["balances"]
    assert number in own.truth("cite-des-tilleuls")["ledger"]["by_account"]


def test_a_skipped_file_leaves_a_gap_in_the_numbers_and_comes_after_all(own: Sandbox) -> None:
    ask(own, SFTP, "skip-sequence")
    day = f"{own.day:%Y%m%d}"
    parts = sorted((own.root / "compta").glob(f"ECR_{day}_*.csv"))
    told = [line for part in parts for line in part.read_bytes().splitlines()[1:]]
    assert [f"ECR_{day}_01.csv", f"ECR_{day}_03.csv"] == [part.name for part in parts]

    behave(own, SFTP)

    (whole,) = (own.root / "compta").glob(f"ECR_{day}_*.csv")
    assert set(told) < set(whole.read_bytes().splitlines()[1:])


def test_a_late_start_tells_one_day_of_a_month(own: Sandbox) -> None:
    ask(own, SFTP, "start-late")
    assert date(2026, 12, 21) == own.day
    path = own.root / f"compta/ECR_{own.day:%Y%m%d}_01.csv"
    late = {line.split(";")[3] for line in path.read_text("cp1252").splitlines()[1:]}
    behave(own, SFTP)
    whole = {line.split(";")[3] for line in path.read_text("cp1252").splitlines()[1:]}
    assert late <= {"21/12/2026"}
    assert len(whole) > 1


# --- replies ----------------------------------------------------------------------------------------------------------


def test_replies_lack_contracts_or_bring_anothers(own: Sandbox) -> None:
    good = {one.Identifiant for one in contracts(own)}
    ask(own, SOAP, "drop-contracts")
    left = {one.Identifiant for one in contracts(own)}
    ask(own, SOAP, "wrong-landlord")
    others = {one.Identifiant for one in contracts(own)}
    assert left < good
    assert not others & good
    assert len(others) == len(good)


def test_a_cut_reply_ends_before_its_end(own: Sandbox) -> None:
    ask(own, SOAP, "truncate", "ListerComptes")
    with pytest.raises((httpx.HTTPError, OSError), match=r"[Ii]ncomplete|prematurely|peer closed|broken"):
        service(own).ListerComptes(Page=1)
    assert 24 == len(contracts(own)), "the other operations answer as ever"


def test_a_renamed_element_is_found_in_the_raw_reply(own: Sandbox) -> None:
    ask(own, SOAP, "rename-header")
    client = zeep.Client(
        own.soap.wsdl_url, wsse=UsernameToken("hub", (own.folder / "secrets/rives_password").read_text())
    )
    with client.settings(raw_response=True):
        text = client.service.ListerContrats(Page=1).text
    assert "<Statut>" in text
    assert "<Etat>" not in text


def test_a_new_code_and_an_orphan_come_in_replies_too(own: Sandbox) -> None:
    ask(own, SOAP, "new-code")
    assert 2 == [entry.Code for entry in entries(own)].count("NVX")
    ask(own, SOAP, "orphan-entry")
    (number,) = own.newcomers(SOAP, since=TODAY)
    accounts = {one.Identifiant for one in service(own).ListerComptes(Page=1, TaillePage=500).Comptes.Compte}
    assert number in {entry.Compte for entry in entries(own)}
    assert number not in accounts


# --- doors ------------------------------------------------------------------------------------------------------------


def test_a_file_server_hangs_until_it_behaves(own: Sandbox) -> None:
    ask(own, SFTP, "hang")
    with pytest.raises(TimeoutError), visit(own) as files:
        files.listdir("compta")
    behave(own, SFTP)
    with visit(own) as files:
        assert files.listdir("compta")


def test_a_file_server_fails_refuses_or_drips(own: Sandbox) -> None:
    ask(own, SFTP, "fault")
    with visit(own) as files, pytest.raises(OSError, match="Failure"):
        files.listdir("compta")
    ask(own, SFTP, "busy", times=1)
    with pytest.raises((paramiko.SSHException, EOFError, OSError)), visit(own):
        pass
    ask(own, SFTP, "drip")
    with pytest.raises(TimeoutError), visit(own) as files:
        files.open("compta/ECR_20261120_01.csv").read()


def test_a_busy_file_server_has_time_after_so_many_calls(own: Sandbox) -> None:
    ask(own, SFTP, "busy", times=2)
    for _ in range(2):
        with pytest.raises((paramiko.SSHException, EOFError, OSError)), visit(own):
            pass
    with visit(own) as files:
        assert files.listdir()


def test_so_many_calls_meet_a_fault_and_no_more(own: Sandbox) -> None:
    caller = service(own)
    ask(own, SOAP, "fault", times=2)
    for _ in range(2):
        with pytest.raises(zeep.exceptions.Fault):
            caller.LireVersion()
    assert caller.LireVersion().Version


def test_another_host_key_is_shown_until_the_server_behaves_and_is_never_written_as_its_own(own: Sandbox) -> None:
    its_own = own.state["sftp"]["host_key"]
    ask(own, SFTP, "host-key")
    assert its_own != own.sftp.host_key
    own.advance()
    assert its_own == json.loads((own.folder / "state.json").read_text())["sftp"]["host_key"]
    behave(own, SFTP)
    assert its_own == own.sftp.host_key


def test_it_behaves_by_itself_after_so_many_seconds(own: Sandbox) -> None:
    ask(own, SFTP, "fault", until=time.time() + 0.4)
    ask(own, SOAP, "drop-contracts", until=time.time() + 0.4)
    deadline = time.monotonic() + 5
    while own.orders and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {} == own.orders
    assert 24 == len(contracts(own))
    with visit(own) as files:
        assert files.listdir()


# --- remembered -------------------------------------------------------------------------------------------------------


def test_a_restart_goes_on_misbehaving_and_can_still_be_put_right(data_dir: Path) -> None:
    folder = data_dir / "sandbox"
    with Sandbox(folder, **WORLD) as first:
        good = files_of(first)
        first.advance()
        ask(first, SFTP, "drop-contracts")
        ask(first, SOAP, "fault")
        hurt = files_of(first)
    with Sandbox(folder, **WORLD) as second:
        assert hurt == files_of(second)
        with pytest.raises(zeep.exceptions.Fault):
            service(second).LireVersion()
        behave(second, SFTP)
        behave(second, SOAP)
        assert len(rows(second, "contrats/CTR")) == 25
        assert good.items() <= files_of(second).items()
        assert service(second).LireVersion().Version


def test_one_thing_a_landlord_at_a_time(own: Sandbox) -> None:
    ask(own, SFTP, "resend")
    ask(own, SFTP, "hang")
    assert "compta/ECR_20261120_02.csv" not in files_of(own)
    assert ["hang"] == [order.what for order in own.orders.values()]


# --- from another process ---------------------------------------------------------------------------------------------


def typed(data_dir: Path, *words: str) -> Any:
    """A command of `housing-hub sandbox`."""
    return CliRunner().invoke(build(), ["sandbox", *words, "--data-dir", str(data_dir)])


def test_the_command_misbehaves_shows_and_behaves(own: Sandbox, data_dir: Path) -> None:
    assert "missing" in typed(data_dir, "misbehave", SFTP, "drop-contracts").stdout
    assert "drop-contracts" in typed(data_dir, "misbehave").stdout
    assert "2026-11-22" in typed(data_dir, "night", "2").stdout
    assert "contrats/CTR_20261122.csv" in typed(data_dir, "behave", SFTP).stdout
    assert "behave" in typed(data_dir, "misbehave").stdout


def test_the_list_explains_every_one(data_dir: Path) -> None:
    told = json.loads(typed(data_dir, "misbehave", "--list", "--json").stdout)
    assert sorted([*MISBEHAVIOURS, *PAYMENT_MISBEHAVIOURS]) == sorted(one["what"] for one in told)
    assert all(one["on the wire"] and one["you then see"] for one in told)


def test_the_payment_providers_misbehave_until_told_also_through_a_restart(data_dir: Path, first_day: Path) -> None:
    shutil.copytree(first_day, data_dir / "sandbox", ignore=shutil.ignore_patterns("run"))
    with Sandbox(data_dir / "sandbox", **WORLD):
        assert "HTTP 500" in typed(data_dir, "misbehave", "payments", "errors", "rives-doise").stdout
        assert "rives-doise" in typed(data_dir, "misbehave").stdout
    with Sandbox(data_dir / "sandbox", **WORLD) as sandbox:
        url = f"{sandbox.payments.url}/_sandbox/chaos"
        told = httpx.get(url).json()
        assert {key for key, one in told.items() if one["error_before"]} == {
            f"rives-doise/{wire}" for wire in ("lyra", "vads", "payfip", "stripe")
        }
        typed(data_dir, "behave", "payments")
        assert not any(one["error_before"] for one in httpx.get(url).json().values())
        assert "behave" in typed(data_dir, "misbehave").stdout


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        (("payments", "hang"), NotFoundError, "cannot hang"),
        (("payments", "errors", "nobody"), InvalidAskError, "serves nobody"),
        (("payments", "errors", "--times", "3"), InvalidAskError, "until told"),
        (("nobody", "hang"), NotFoundError, "no landlord nobody"),
        ((SFTP, "sing"), NotFoundError, "cannot sing"),
        ((SFTP, "truncate"), InvalidAskError, "wants a FILE"),
        ((SFTP, "truncate", "NOPE"), InvalidAskError, "no file is called NOPE"),
        ((SFTP, "truncate", "../secrets/tilleuls"), InvalidAskError, "no file is called"),
        ((SOAP, "truncate", "ListerTout"), InvalidAskError, "no operation"),
        ((SFTP, "hang", "ECR"), InvalidAskError, "the others none"),
    ],
)
def test_a_wrong_order_is_refused_and_changes_nothing(
    own: Sandbox, data_dir: Path, words: tuple[str, ...], kind: type[HubError], text: str
) -> None:
    before = files_of(own)
    result = typed(data_dir, "misbehave", *words)
    assert isinstance(result.exception, kind)
    assert text in str(result.exception)
    assert (before, {}) == (files_of(own), own.orders)


def test_without_a_sandbox_the_command_says_so(data_dir: Path) -> None:
    result = typed(data_dir, "behave", SFTP)
    assert isinstance(result.exception, NotFoundError)
    assert "make demo" in str(result.exception)
