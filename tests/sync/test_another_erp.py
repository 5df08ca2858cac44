"""Two ERPs of one landlord: one knows the other's contracts by keys of its own, or takes the other's place."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from hub.config import read_landlord
from hub.errors import ConflictError, InvalidAskError, NotFoundError
from hub.services.apply_config import apply_config
from hub.services.key_map import read_key_map
from hub.services.rekey import Rekeyed, rekey
from hub.store.rekey_rows import KeyPair

LANDLORDS = Path(__file__).parents[2] / "landlords"
PRESET = (LANDLORDS / "csv-pack.toml").read_text(encoding="utf-8")
KEYS = {"site": "site_id", "unit": "unit_id", "person": "person_id", "contract": "contract_id", "account": "account_id"}
SLUG, OTHER = "deux-logiciels", "tout-autre"
OBJECTS = "select object_type, object_id from external_key where source = :source order by 1, 2"
SERVED = """
    select k.external_id as account, e.posted_on, e.source_sequence, e.kind, e.label, e.amount_cents, e.id
    from ledger_entry e join external_key k on k.object_type = 'account' and k.object_id = e.account_id
    where e.missing_since is null and k.source = :source order by 1, 2, 3, 7"""


def landlord(slug: str, folders: dict[str, Path], change: Callable[[str], str] = lambda text: text) -> str:
    """The pack's landlord with one connector for each folder; all feeds read the first unless changed."""
    first, *others = folders
    text = PRESET.replace('slug = "csv-pack"', f'slug = "{slug}"').replace(
        'connector = "files"', f'connector = "{first}"'
    )
    text = text.replace("[connectors.files]", f"[connectors.{first}]").replace("daily 04:30", "manual")
    text = text.replace('"/srv/housing-hub/csv-pack"', f'"{folders[first]}"')
    for name in others:
        text = text.replace(
            "# Sites and their",
            f'[connectors.{name}]\nplugin = "folder_files"\nfolder = "{folders[name]}"\n\n# Sites and their',
            1,
        )
    return change(text)


def reads(text: str, *feeds: str, connector: str) -> str:
    """The same with these feeds (all, if none is named) reading another connector."""
    for feed in feeds or re.findall(r"^\[feeds\.(\w+)\]$", text, re.MULTILINE):
        text = re.sub(rf'(\[feeds\.{feed}\]\nconnector = )"\w+"', rf'\1"{connector}"', text)
    return text


def only(text: str, *feeds: str) -> str:
    """Without all other feeds."""
    head, *blocks = re.split(r"(?=^# [^\n]*\n\[feeds\.\w+\]\n)", text, flags=re.MULTILINE)
    return head + "".join(block for block in blocks if re.search(r"\[feeds\.(\w+)\]", block)[1] in feeds)  # type: ignore[index]


def aged(folder: Path) -> Path:
    """As if written before the sandbox's evening."""
    for file in folder.iterdir():
        os.utime(file, (1_795_200_000, 1_795_200_000))  # 20 November 2026, 18:40 UTC
    return folder


def export(folder: Path) -> Path:
    return aged(shutil.copytree(LANDLORDS / "csv-pack", folder))


def renamed(value: str) -> str:
    return f"N{value[::-1]}"


def rewritten(source: Path, folder: Path, change: Callable[[str, dict[str, str]], dict[str, str] | None]) -> Path:
    """The same export by another ERP: each row changed, or left out."""
    shutil.copytree(source, folder)
    for file in folder.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter=";"))
        kept = [changed for row in rows if (changed := change(file.stem, dict(row))) is not None]
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), delimiter=";")
            writer.writeheader()
            writer.writerows(kept)
    return aged(folder)


def other_keys(file: str, row: dict[str, str]) -> dict[str, str]:
    """Keys of the new ERP everywhere: of sites, units, persons, contracts, accounts, and of what has no map."""
    for name in (*KEYS.values(), "parent_id"):
        if row.get(name):
            row[name] = renamed(row[name])
    for name in ("entry_id", "component_id", "reversal_of"):
        if row.get(name):
            row[name] = f"9{row[name]}"
    return row


def key_map(source: Path, kinds: Iterable[str] = tuple(KEYS)) -> list[KeyPair]:
    """What the vendor's two-column map says."""
    pairs: dict[tuple[str, str], None] = {}
    for kind in kinds:
        with (source / f"{kind}s.csv").open(encoding="utf-8", newline="") as stream:
            pairs |= {(kind, row[KEYS[kind]]): None for row in csv.DictReader(stream, delimiter=";")}
    return [KeyPair(line, old, renamed(old)) for line, (_, old) in enumerate(pairs, start=2)]


def same_keys(source: Path) -> list[KeyPair]:
    """Notices and their PDFs, which keep their keys: an id that means both says which."""
    with (source / "notices.csv").open(encoding="utf-8", newline="") as stream:
        ids = [row["notice_id"] for row in csv.DictReader(stream, delimiter=";")]
    both = [(one, kind) for kind in ("rent_notice", "document") for one in ids]
    return [KeyPair(line, one, one, kind) for line, (one, kind) in enumerate(both, start=1000)]


class Landlord:
    """A landlord of the pack in a house."""

    def __init__(self, house: Any, slug: str, folder: Path) -> None:
        self.house, self.slug, self.folder = house, slug, folder

    async def apply(self, text: str) -> None:
        path = self.folder / f"{self.slug}.toml"
        path.write_text(text, encoding="utf-8")
        parts = self.house.parts
        await apply_config(parts.engine, parts.vault, self.house.clock, read_landlord(path, parts.registry))

    async def sync(self, *feeds: str) -> dict[str, Any]:
        run = await self.house.sync(self.slug, *feeds)
        return {one.feed: one for one in run.feed_runs}

    async def rekey(self, pairs: list[KeyPair], old: str = "erp", new: str = "neu", **how: Any) -> Rekeyed:
        return await rekey(self.house.parts.engine, self.slug, pairs, old=old, new=new, **how)

    async def served(self, source: str = "erp") -> list[Any]:
        return await self.house.rows(self.slug, SERVED, source=source)

    async def objects(self, source: str) -> list[Any]:
        return await self.house.rows(self.slug, OBJECTS, source=source)


@pytest.fixture
async def held(house: Any, tmp_path: Path) -> Landlord:
    """A landlord after its first night with the ERP it is about to leave."""
    folders = {"erp": export(tmp_path / "old"), "neu": tmp_path / "new"}
    made = Landlord(house, SLUG, tmp_path)
    await made.apply(landlord(SLUG, folders))
    reports = await made.sync()
    assert {one.state for one in reports.values()} == {"applied"}, reports
    return made


def the_new_one(made: Landlord, change: Callable[[str, dict[str, str]], dict[str, str] | None] = other_keys) -> str:
    """The new ERP's export is there; the landlord's file in which all feeds read it."""
    folder = made.folder
    rewritten(folder / "old", folder / "new", change)
    return reads(landlord(SLUG, {"erp": folder / "old", "neu": folder / "new"}), connector="neu")


async def test_every_object_keeps_its_id_and_nothing_is_doubled_when_an_erp_is_replaced(held: Landlord) -> None:
    before, entries = await held.objects("erp"), await held.served()
    await held.apply(the_new_one(held))
    done = await held.rekey(key_map(held.folder / "old") + same_keys(held.folder / "old"))
    assert done.problems == ()
    assert {one.kind: one.added for one in done.counts if one.added} == {
        "site": 3, "unit": 17, "person": 17, "contract": 13, "account": 13,
        "rent_notice": 36, "document": 36,
    }  # fmt: skip
    assert {(row.account, row.id) for row in await held.served()} == {(row.account, row.id) for row in entries}

    reports = await held.sync()

    assert {name: one.error for name, one in reports.items() if one.state not in ("applied", "unchanged")} == {}
    assert {name: one.added for name, one in reports.items() if one.added} == {}, "notices and PDFs are the same too"
    assert await held.objects("neu") == before
    assert await held.served() == entries
    tables = ("contract", "account", "contract_unit", "party", "ledger_entry", "price_component", "person", "unit")
    tables += ("site", "account_contract", "rent_notice", "rent_notice_line", "document")
    for table in tables:
        (count,) = await held.house.rows(SLUG, f"select count(*), count(distinct source), min(source) from {table}")
        assert (count[1], count[2]) == (1, "neu"), table


async def test_the_same_map_again_changes_nothing_before_and_after_the_new_erps_first_night(held: Landlord) -> None:
    await held.apply(the_new_one(held))
    pairs = key_map(held.folder / "old")
    assert (await held.rekey(pairs)).changed
    dump = await held.house.dump(SLUG)
    assert not (await held.rekey(pairs)).changed
    assert await held.house.dump(SLUG) == dump
    await held.sync()
    dump = await held.house.dump(SLUG)
    assert not (await held.rekey(pairs)).changed
    assert await held.house.dump(SLUG) == dump


async def test_a_dry_run_says_what_would_happen_and_leaves_no_trace(held: Landlord) -> None:
    await held.apply(the_new_one(held))
    dump = await held.house.dump(SLUG)
    done = await held.rekey(key_map(held.folder / "old", ["contract", "account"]), dry_run=True)
    counts = {one.kind: (one.added, one.known, one.left) for one in done.counts}
    assert counts["contract"] == (13, 0, 0)
    assert counts["person"] == (0, 0, 17)
    assert done.moved["ledger_entries"] == 186
    assert await held.house.dump(SLUG) == dump


async def test_everything_wrong_with_a_map_is_told_and_nothing_of_it_is_done(held: Landlord) -> None:
    await held.apply(the_new_one(held))
    await held.house.rows(
        SLUG,
        """insert into external_key (landlord_id, source, object_type, external_id, object_id)
           select landlord_id, 'erp', 'person', 'C-1997-001', object_id from external_key
           where source = 'erp' and object_type = 'person' and external_id = '1005' returning 1""",
    )
    dump = await held.house.dump(SLUG)
    done = await held.rekey(
        [
            KeyPair(2, "C-2018-004", "A"),
            KeyPair(3, "C-2018-004", "B"),
            KeyPair(4, "nobody", "C"),
            KeyPair(5, "C-2012-011", "D"),
            KeyPair(6, "C-2020-002", "D"),
            KeyPair(7, "C-1997-001", "E"),
            KeyPair(8, "C-1997-001", "F", "contract"),
            KeyPair(9, "1001", "G"),
        ]
    )
    assert [(one.code, one.line) for one in done.problems] == [
        ("DUPLICATED", 2), ("DUPLICATED", 3), ("UNKNOWN", 4), ("MERGED", 5), ("MERGED", 6),
        ("AMBIGUOUS", 7), ("DUPLICATED", 7), ("DUPLICATED", 8),
    ]  # fmt: skip
    assert await held.house.dump(SLUG) == dump
    passed = await held.rekey([KeyPair(2, "nobody", "C"), KeyPair(3, "1001", "G")], skip_unknown=True)
    assert ([one.key for one in passed.skipped], passed.problems) == (["nobody"], ())


async def test_a_new_key_that_means_something_else_already_is_refused(held: Landlord) -> None:
    await held.apply(the_new_one(held))
    await held.rekey([KeyPair(2, "1001", "P1")])
    done = await held.rekey([KeyPair(2, "1002", "P1"), KeyPair(3, "1001", "P2")])
    assert [(one.code, one.line) for one in done.problems] == [("TAKEN", 2), ("HAS_KEY", 3)]


async def test_while_the_old_erp_has_feeds_or_a_run_is_under_way_it_is_refused(held: Landlord) -> None:
    pairs = key_map(held.folder / "old")
    with pytest.raises(ConflictError, match=r"sites, units, .* still read erp"):
        await held.rekey(pairs)
    await held.apply(the_new_one(held))
    await held.house.ask(SLUG)
    with pytest.raises(ConflictError, match="is under way"):
        await held.rekey(pairs)


async def test_a_connector_that_is_not_there_or_the_same_one_is_told(held: Landlord) -> None:
    with pytest.raises(NotFoundError, match="has no connector nue"):
        await held.rekey([], new="nue")
    with pytest.raises(InvalidAskError, match="its own place"):
        await held.rekey([], new="erp")


async def test_without_a_map_nothing_of_the_new_erp_is_applied_twice(held: Landlord) -> None:
    """Forgotten: the feeds read the new ERP, and nobody told its keys. The first feed is held, the others wait."""
    await held.apply(the_new_one(held))
    report = (await held.sync())["sites"]
    assert report.state == "held"
    assert "sites came from erp until now, and none of the 3 held is known to neu" in (report.error or "")
    await held.rekey(key_map(held.folder / "old") + same_keys(held.folder / "old"))
    reports = await held.sync()
    assert {one.state for one in reports.values()} <= {"applied", "unchanged"}
    assert len(await held.served("neu")) == 186
    (count,) = await held.house.rows(SLUG, "select count(*) from contract")
    assert count[0] == 13


async def test_another_landlords_keys_are_neither_seen_nor_touched(held: Landlord, tmp_path: Path) -> None:
    other = Landlord(held.house, OTHER, tmp_path)
    await other.apply(landlord(OTHER, {"erp": held.folder / "old", "neu": held.folder / "new"}))
    await other.sync()
    dump = await held.house.dump(OTHER)
    await held.apply(the_new_one(held))
    await held.rekey(key_map(held.folder / "old"))
    await held.sync()
    assert await held.house.dump(OTHER) == dump


async def test_entries_the_new_erp_no_longer_has_are_history_before_its_first_and_gone_after(held: Landlord) -> None:
    """The new ERP begins in October and has merged two lines of November: nothing is counted twice."""

    def later(file: str, row: dict[str, str]) -> dict[str, str] | None:
        row = other_keys(file, row)
        if file == "ledger" and (row["posted_on"] < "2026-10-01" or row["label"].startswith("Provisions")):
            return None
        if file == "ledger" and row["label"].startswith("Loyer 11"):
            row["debit"] = "510.80"
        return row

    await held.apply(the_new_one(held, later))
    await held.rekey(key_map(held.folder / "old"))
    before = await held.served()
    report = (await held.sync())["ledger"]
    assert report.state == "applied", report.error
    now = await held.served()
    mine = [row for row in now if row.account == "41100004"]
    assert [row for row in mine if row.posted_on.month < 10] == [
        row for row in before if row.account == "41100004" and row.posted_on.month < 10
    ]
    november = [(row.label, row.amount_cents) for row in mine if row.posted_on.month == 11]
    assert november == [("Loyer 11/2026", 51080), ("Loyer garage 11/2026", 4200), ("APL 11/2026", -19195)]
    kept = {row.id for row in before} & {row.id for row in mine}
    assert {row.id for row in mine if row.label != "Loyer 11/2026"} <= kept


async def test_a_second_connector_speaks_of_contracts_it_knows_by_its_own_keys(house: Any, tmp_path: Path) -> None:
    """Contracts from the ERP; entries and notices from the accountants' export, with numbers of theirs."""
    made = Landlord(house, SLUG, tmp_path)
    folders = {"erp": export(tmp_path / "old"), "books": tmp_path / "books"}
    rewritten(folders["erp"], folders["books"], other_keys)
    of_books = ("ledger", "notices", "notice_lines", "documents")
    await made.apply(landlord(SLUG, folders, lambda text: reads(text, *of_books, connector="books")))
    first = await made.sync()
    assert first["contracts"].state == "applied"
    assert await made.served() == []
    pairs = key_map(folders["erp"], ["contract", "account", "unit"])
    shared = await made.rekey(pairs, new="books", share=True)
    assert (shared.problems, dict(shared.moved)) == ((), {})

    reports = await made.sync()

    assert {reports[name].state for name in ("sites", "contracts", "accounts")} == {"unchanged"}
    assert len(await made.served()) == 186
    assert len(await made.served("books")) == 186, "the same account under both keys"
    (documents,) = await house.rows(
        SLUG,
        """select count(*) from document d join external_key k
           on k.object_type = 'contract' and k.object_id = d.contract_id and k.source = 'erp'""",
    )
    assert documents[0] == 36
    (contracts,) = await house.rows(SLUG, "select count(*), min(source), max(source) from contract")
    assert tuple(contracts) == (13, "erp", "erp")


@pytest.mark.parametrize(
    "content", ["old;new\nC1;D1\nC2;D2\n", "C1,D1\nC2,D2\n", "\ufeffAncien\tNouveau\tType\nC1\tD1\t\nC2\tD2\t\n"]
)
def test_a_map_is_read_with_or_without_a_header(tmp_path: Path, content: str) -> None:
    (tmp_path / "map.csv").write_text(content, encoding="utf-8")
    pairs = read_key_map(tmp_path / "map.csv")
    assert [(pair.old, pair.new, pair.kind) for pair in pairs] == [("C1", "D1", None), ("C2", "D2", None)]


def test_everything_that_cannot_be_read_of_a_map_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("old;new;kind\nC1;;\nC2;D2;lease\nC3\nC4;D4;contract\n", encoding="utf-8")
    with pytest.raises(InvalidAskError) as refused:
        read_key_map(tmp_path / "map.csv")
    told = refused.value.message
    assert "line 2: the new key is blank" in told
    assert 'line 3: "lease" is no kind of object' in told
    assert "line 4: the line has 1 columns instead of 3" in told
