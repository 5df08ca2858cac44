"""The PDF of a rent notice, small and the same each time, and the monthly bundles they are handed over in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import groupby

from hub.sandbox.calendar import first_of
from hub.sandbox.model import Contract, Document, Notice, Person, World
from hub.sandbox.profiles import PROFILES

DOCUMENT_MONTHS = 6
MAX_DOCUMENTS_A_MONTH = 2_000
MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


def documents(world: World) -> list[Document]:
    """The PDFs an ERP hands over: those of six months when the world began, and of each month since."""
    if world.landlord != "cite-des-tilleuls":
        return []
    since = first_of(world.base, months=1 - DOCUMENT_MONTHS)
    recent = (notice for notice in world.notices if notice.issued_on >= since)
    found: list[Document] = []
    for _, notices in groupby(recent, key=lambda notice: first_of(notice.issued_on)):
        found += [_document(notice) for notice in list(notices)[:MAX_DOCUMENTS_A_MONTH]]
    return found


def _document(notice: Notice) -> Document:
    title = f"Avis d'échéance {MONTHS[notice.period_from.month - 1]} {notice.period_from.year}"
    return Document(f"DOC-{notice.number}", notice, f"{notice.issued_on:%Y%m}", f"AVIS_{notice.number}.pdf", title)


def bundle(world: World, found: Iterable[Document]) -> bytes:
    """A zip of the PDFs of some documents, byte for byte the same for the same documents."""
    contracts = {contract.id: contract for contract in world.contracts}
    persons = {person.id: person for person in world.persons}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for document in found:
            issued = document.notice.issued_on
            entry = zipfile.ZipInfo(document.file_name, (issued.year, issued.month, issued.day, 3, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, notice_pdf(world, document, contracts, persons))
    return packed.getvalue()


def notice_pdf(
    world: World, document: Document, contracts: Mapping[str, Contract], persons: Mapping[str, Person]
) -> bytes:
    """One page in Helvetica: WinAnsi holds every French letter, so no font is embedded; the zip compresses."""
    from reportlab.pdfgen.canvas import Canvas  # at first use: a second start needs no PDF

    notice = document.notice
    contract = contracts[notice.contract]
    holder = persons[contract.parties[0].person]
    drawn = io.BytesIO()
    page = Canvas(drawn, pagesize=(595, 842), invariant=1, pageCompression=0)
    page.setTitle(document.title)
    page.setFont("Helvetica-Bold", 14)
    page.drawString(50, 780, PROFILES[world.landlord].name)
    page.drawString(50, 700, document.title)
    page.setFont("Helvetica", 10)
    for row, text in enumerate(_heading(notice, contract, holder)):
        page.drawString(50, 675 - 14 * row, text)
    for row, (label, amount) in enumerate(_rows(notice)):
        page.drawString(50, 570 - 16 * row, label)
        page.drawRightString(540, 570 - 16 * row, amount)
    page.setFont("Helvetica", 8)
    page.drawString(50, 60, "Document fictif. Un avis d'échéance n'est pas une quittance de loyer.")
    page.save()
    return drawn.getvalue()


def _heading(notice: Notice, contract: Contract, holder: Person) -> tuple[str, ...]:
    name = " ".join(part for part in (holder.title, holder.given, holder.family) if part)
    return (
        name,
        f"Avis n° {notice.number}, contrat {contract.reference}",
        f"Période du {_french(notice.period_from)} au {_french(notice.period_to)}",
        f"Émis le {_french(notice.issued_on)}, à régler avant le {_french(notice.due_on)}",
    )


def _rows(notice: Notice) -> list[tuple[str, str]]:
    lines = [(line.label, euros(line.cents)) for line in notice.lines]
    return [("Solde antérieur", euros(notice.previous_cents)), *lines, ("Total à régler", euros(notice.total_cents))]


def _french(day: date) -> str:
    return f"{day:%d/%m/%Y}"


def euros(cents: int) -> str:
    """1 234,56 € as printed (U+00A0 between thousands)."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,},{rest:02d} €".replace(
        ",", "\u00a0", max(0, (len(str(whole)) - 1) // 3)
    )
