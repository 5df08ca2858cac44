"""The columns of Cité des Tilleuls' files: each table is a header and rows of texts, as its ERP exports them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from hub.sandbox.model import Document, Entry, Notice, World
from hub.sandbox.profiles import CITE_DES_TILLEULS as PROFILE

NO_DATE = "00/00/0000"
NBSP = "\u00a0"
ACCOUNT_WIDTH, LABEL_WIDTH = 14, 40
_YES_NO = {True: "O", False: "N"}
_STATUS_LABELS = {"upcoming": "A venir", "current": "En vigueur", "under_notice": "Congé donné", "ended": "Résilié"}
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A snapshot file: `stem` gives its folder and the beginning of its name."""

    stem: str
    header: str
    rows: Callable[[World], Iterable[Row]]


@cache
def french(day: date | None) -> str:
    return f"{day.day:02d}/{day.month:02d}/{day.year:04d}" if day else NO_DATE


def comma(cents: int, *, thousands: str = " ") -> str:
    """123456 → "1 234,56"."""
    whole, rest = divmod(abs(cents), 100)
    grouped = f"{whole:,}".replace(",", thousands)
    return f"{'-' if cents < 0 else ''}{grouped},{rest:02d}"


def _sites(world: World) -> Iterator[Row]:
    for site in world.sites:
        at = site.address
        nature = "BAT" if site.parent else "RES"
        yield site.code, nature, site.parent, site.name, at.line1, at.line2, at.postal_code, at.city


def _units(world: World) -> Iterator[Row]:
    for unit in world.units:
        area = comma(unit.area_dm2) if unit.area_dm2 else ""
        kind, at = PROFILE.units[unit.kind], unit.address
        head = (unit.lot, unit.building, kind, unit.label, unit.typology, unit.floor, unit.door)
        yield *head, area, unit.energy_label, at.line1, at.postal_code, at.city


def _contracts(world: World) -> Iterator[Row]:
    for item in world.contracts:
        dates = (item.starts_on, item.ends_on, item.notice_on, item.move_out_on)
        yield (
            item.id,
            item.reference,
            item.customer,
            PROFILE.statuses[item.status],
            _STATUS_LABELS[item.status],
            *(french(day) for day in dates),
            f"{item.due_day:02d}",
            PROFILE.methods[item.payment_method],
            comma(item.deposit_cents),
        )


def _contract_units(world: World) -> Iterator[Row]:
    for contract in world.contracts:
        for item in contract.units:
            yield contract.id, item.lot, french(item.from_on), french(item.to_on), _YES_NO[item.is_main]


def _parties(world: World) -> Iterator[Row]:
    for contract in world.contracts:
        for item in contract.parties:
            role = PROFILE.roles[item.role]
            yield contract.id, item.person, role, french(item.from_on), french(item.to_on), _YES_NO[item.solidary]


def _components(world: World) -> Iterator[Row]:
    for contract in world.contracts:
        for item in contract.components:
            code, amount = PROFILE.charges[item.kind], comma(item.cents)
            yield item.id, contract.id, item.unit, code, item.label, amount, french(item.from_on), french(item.to_on)


def _accounts(world: World) -> Iterator[Row]:
    for item in world.accounts:
        opening, balance = (comma(cents, thousands=NBSP) for cents in (item.opening_cents, item.balance_cents))
        days = french(item.opening_on), french(item.balance_on)
        yield item.id.ljust(ACCOUNT_WIDTH), item.number, PROFILE.accounts[item.kind], days[0], opening, days[1], balance


def _account_contracts(world: World) -> Iterator[Row]:
    for item in world.accounts:
        for contract in item.contracts:
            yield item.id.ljust(ACCOUNT_WIDTH), contract


SNAPSHOTS = (
    Table("patrimoine/SITES", "CODE_SITE;NATURE;CODE_PERE;LIBELLE;ADRESSE1;ADRESSE2;CP;VILLE", _sites),
    Table("patrimoine/LOTS", "NUM_LOT;CODE_SITE;NATURE;LIBELLE;TYPE;ETAGE;PORTE;SURFACE;DPE;ADRESSE1;CP;VILLE", _units),
    Table(
        "contrats/CTR",
        "NUM_CTR;REF_CTR;NUM_CLIENT;ETAT;LIB_ETAT;DT_EFFET;DT_FIN;DT_CONGE;DT_SORTIE;JOUR_ECH;MODE_PAIEMENT;DEPOT_GARANTIE",
        _contracts,
    ),
    Table("contrats/CTRLOT", "NUM_CTR;NUM_LOT;DT_DEBUT;DT_FIN;PRINCIPAL", _contract_units),
    Table("contrats/CTRPER", "NUM_CTR;NUM_PERS;ROLE;DT_DEBUT;DT_FIN;SOLIDAIRE", _parties),
    Table("contrats/RUB", "NUM_RUB;NUM_CTR;NUM_LOT;CODE_RUB;LIBELLE;MONTANT;DT_DEBUT;DT_FIN", _components),
    Table("compta/CPT", "CPT_CLIENT;NUM_CPT;NATURE;DT_OUVERTURE;SOLDE_OUVERTURE;DT_SOLDE;SOLDE", _accounts),
    Table("compta/CPTCTR", "CPT_CLIENT;NUM_CTR", _account_contracts),
)

LEDGER_HEADER = (
    "NUM_ECR;CPT_CLIENT;NUM_LOT;DT_COMPTA;NUM_ORDRE;DT_VALEUR;DT_ECHEANCE;PERIODE_DU;PERIODE_AU;CODE;LIBELLE;DEBIT;CREDIT;"
    "NUM_PIECE;NUM_ECR_EXTOURNE;REF_PAIEMENT"
)
NOTICE_HEADER = "NUM_AVIS;CPT_CLIENT;NUM_CTR;PERIODE_DU;PERIODE_AU;DT_EMISSION;DT_ECHEANCE;SOLDE_ANTERIEUR;TOTAL"
NOTICE_LINE_HEADER = "NUM_AVIS;NUM_LIGNE;CODE_RUB;LIBELLE;MONTANT"
INDEX_HEADER = "NUM_DOC;NUM_AVIS;NUM_CTR;FICHIER;DT_AVIS;TITRE"


def ledger_row(entry: Entry) -> Row:
    """Dates that do not apply are blank here, `00/00/0000` in the snapshots: one ERP, two programmers."""
    due, first, last = (french(day) if day else "" for day in (entry.due_on, entry.period_from, entry.period_to))
    amount = comma(abs(entry.cents), thousands=NBSP)
    return (
        entry.id,
        entry.account.ljust(ACCOUNT_WIDTH),
        entry.unit,
        french(entry.posted_on),
        str(entry.sequence),
        french(entry.posted_on),
        due,
        first,
        last,
        entry.code,
        entry.label.ljust(LABEL_WIDTH),
        amount if entry.cents >= 0 else "",
        amount if entry.cents < 0 else "",
        entry.document,
        entry.reversal_of,
        entry.payment_ref,
    )


def notice_row(notice: Notice) -> Row:
    days = (notice.period_from, notice.period_to, notice.issued_on, notice.due_on)
    amounts = comma(notice.previous_cents), comma(notice.total_cents)
    return notice.number, notice.account.ljust(ACCOUNT_WIDTH), notice.contract, *map(french, days), *amounts


def notice_line_rows(notice: Notice) -> Iterator[Row]:
    for rank, line in enumerate(notice.lines, start=1):
        yield notice.number, str(rank), PROFILE.charges[line.kind], line.label, comma(line.cents)


def index_row(document: Document) -> Row:
    notice = document.notice
    return document.id, notice.number, notice.contract, document.file_name, french(notice.issued_on), document.title


PERSON_COLUMNS = (
    ("NUM_PERS", 10),
    ("CIVILITE", 4),
    ("NOM", 40),
    ("PRENOM", 30),
    ("DT_NAISSANCE", 10),
    ("COURRIEL", 60),
    ("TELEPHONE", 14),
    ("PORTABLE", 14),
)


def person_lines(world: World) -> Iterator[str]:
    """Fixed width: PERSON_COLUMNS one after the other, padded with blanks, no header."""
    widths = [width for _, width in PERSON_COLUMNS]
    for person in world.persons:
        values = (
            person.id,
            person.title,
            person.family,
            person.given,
            french(person.birth_date),
            person.email,
            person.phone,
            person.mobile,
        )
        yield "".join(value.ljust(width)[:width] for value, width in zip(values, widths, strict=True))
