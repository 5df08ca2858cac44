"""The bank's remittance report (*remises carte*) as CSV: `;` between, a decimal comma, one line a transaction.

Columns: REMISE, DATE_REMISE, TYPE (PAIEMENT, REMBOURSEMENT, IMPAYE, FRAIS), ORDER_ID, UUID, DATE_CAPTURE,
MONTANT_BRUT, COMMISSION, MONTANT_NET, DEVISE; others are passed over. Dates as 2026-11-21 or 21/11/2026.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from hub.errors import InputRefusedError, MisconfiguredError
from hub.ports import Context, Settlement, SettlementLine
from hub.wire import FolderSession
from payment_providers.lyra.client import LyraClient
from payment_providers.lyra.settings import LyraSettings

_COLUMNS = ("REMISE", "DATE_REMISE", "TYPE", "MONTANT_BRUT", "MONTANT_NET")
_KINDS = {"PAIEMENT": "payment", "REMBOURSEMENT": "refund", "IMPAYE": "dispute", "FRAIS": "fee"}
_AMOUNT = re.compile(r"([+-]?)(\d{1,12})(?:[,.](\d{2}))?")
_FRENCH_DAY = re.compile(r"(\d\d)/(\d\d)/(\d{4})")
_MAX_BYTES = 64 * 1024**2


@dataclass(slots=True)
class _Remittance:
    ref: str
    paid_on: date
    currency: str
    net_cents: int = 0
    lines: list[SettlementLine] = field(default_factory=list)


def settlements(settings: LyraSettings, context: Context, client: LyraClient, since: date) -> Iterator[Settlement]:
    """The report's remittances paid on or after a day, oldest first. Raises InputRefusedError for a bad report."""
    found: dict[str, _Remittance] = {}
    for name, text in _reports(settings, context, client, since):
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
        if missing := [column for column in _COLUMNS if column not in (rows.fieldnames or ())]:
            raise InputRefusedError(
                f"the report {name} has no column {missing[0]}", hint="its columns: " + ", ".join(_COLUMNS)
            )
        _add(found, _in(name, rows))
    for one in sorted(found.values(), key=lambda one: (one.paid_on, one.ref)):
        if one.paid_on >= since:
            yield Settlement(one.ref, one.paid_on, one.net_cents, tuple(one.lines), one.currency)


def cents(text: str) -> int:
    """Cents of an amount written `12,34`, `-12.34` or `12`. Raises ValueError."""
    match = _AMOUNT.fullmatch(text.strip().replace("\u00a0", "").replace(" ", ""))
    if match is None:
        raise ValueError("no amount")
    found = int(match[2]) * 100 + int(match[3] or 0)
    return -found if match[1] == "-" else found


def _reports(settings: LyraSettings, context: Context, client: LyraClient, since: date) -> Iterator[tuple[str, str]]:
    if settings.report_url:
        url = settings.report_url.replace("{since}", since.isoformat())
        auth = (settings.shop_id, settings.password.get_secret_value())
        own = settings.report_url.startswith(settings.endpoint.rstrip("/") + "/")
        with client.session().request("GET", url, auth=auth if own else None, deadline=client.deadline()) as reply:
            yield "at report_url", _text(reply.read(), "at report_url")
    elif settings.report_folder:
        folder = FolderSession(settings.report_folder, context.network)
        for file in folder.list(".").files:
            if file.name.lower().endswith(".csv"):
                into = io.BytesIO()
                folder.fetch(file.path, into, max_bytes=_MAX_BYTES)
                yield file.name, _text(into.getvalue(), file.name)
    else:
        raise MisconfiguredError("no remittance report is set up", hint="write report_url or report_folder")


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputRefusedError(f"the report {name} is not UTF-8") from None


def _in(name: str, rows: csv.DictReader[str]) -> Iterator[Mapping[str, str]]:
    """Rows with their place, for whoever finds one bad."""
    for row in rows:
        if None in row or None in row.values():
            raise InputRefusedError(f"the report {name} has a line with too many or too few values").at(
                file=name, line=rows.line_num
            )
        yield {**row, "": f"{name}, line {rows.line_num}"}


def _add(found: dict[str, _Remittance], rows: Iterable[Mapping[str, str]]) -> None:
    for row in rows:
        try:
            _add_row(found, row)
        except (ValueError, KeyError) as error:
            raise InputRefusedError(f"the report cannot be read: {error} at {row['']}") from None


def _add_row(found: dict[str, _Remittance], row: Mapping[str, str]) -> None:
    gross, net = cents(row["MONTANT_BRUT"]), cents(row["MONTANT_NET"])
    fee = cents(row.get("COMMISSION") or "0")
    if gross - fee != net or fee < 0:
        raise ValueError("MONTANT_BRUT less COMMISSION is not MONTANT_NET")
    currency = row.get("DEVISE") or "EUR"
    one = found.setdefault(row["REMISE"], _Remittance(row["REMISE"], _day(row["DATE_REMISE"]), currency))
    if currency != one.currency:
        raise ValueError("two currencies in one remittance")
    line = SettlementLine(
        _KINDS.get(row["TYPE"], "other"),  # type: ignore[arg-type]  # the words of the interface
        gross,
        fee,
        row.get("ORDER_ID") or "",
        row.get("UUID") or "",
        _day(row["DATE_CAPTURE"]) if row.get("DATE_CAPTURE") else None,
    )
    if line not in one.lines:
        one.lines.append(line)
        one.net_cents += net


def _day(text: str) -> date:
    french = _FRENCH_DAY.fullmatch(text)
    return date(int(french[3]), int(french[2]), int(french[1])) if french else date.fromisoformat(text)
