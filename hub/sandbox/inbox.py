"""Cité des Tilleuls' payment files (*fichiers d'encaissements*): taken within a second, answered, booked at night."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from threading import Event, Lock, Thread

from hub.sandbox.till import Asked, Refusal, RefusedError, Till

FOLDER = "encaissements"
ARCHIVES, ANSWERS = f"{FOLDER}/archives", f"{FOLDER}/retours"
_ENCODING = "cp1252"
_NAME = re.compile(r"ENC_(\d{6})_\d{8}\.csv")
_HEADER = ("REF_PAIEMENT", "CODE_RETOUR", "LIBELLE")
_TAKEN, _BROKEN = ("00", "Encaissement accepté"), ("90", "Fichier non conforme à son fichier de contrôle")
_CODES: Mapping[Refusal, tuple[str, str]] = {
    "duplicate": ("10", "Référence déjà enregistrée"),
    "closed": ("20", "Période comptable close"),
    "locked": ("30", "Compte verrouillé"),
    "account": ("40", "Compte inconnu"),
    "amount": ("41", "Montant invalide"),
    "payment": ("42", "Encaissement d'origine inconnu"),
    "reversed": ("43", "Encaissement déjà extourné"),
}
_LABELS = {"CBL": "Paiement carte en ligne", "VIR": "Virement", "PRL": "Prélèvement", "TIP": "TIP SEPA"}
_TAKEN_BACK = {"IMP": "Impayé carte bancaire", "RBT": "Remboursement"}
_LOOK_SECONDS = 0.3
_log = logging.getLogger("hub.sandbox.inbox")


class Inbox:
    """Takes what has its control file. `still`: held while files of the export move."""

    def __init__(self, root: Path, till: Till, still: Lock) -> None:
        self._root, self._till, self._still = root, till, still
        self._stopping = Event()
        self._thread = Thread(target=self._look_on, name="sandbox-inbox", daemon=True)
        for folder in (ARCHIVES, ANSWERS):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def pick_up(self) -> list[str]:
        """Takes all that is whole now; gives the names of the files."""
        with self._till.lock, self._still:
            found = sorted(path for path in (self._root / FOLDER).glob("ENC_*.csv") if _NAME.fullmatch(path.name))
            whole = [path for path in found if path.with_suffix(".ctl").exists()]
            for path in whole:
                self._take(path)
            return [path.name for path in whole]

    def _look_on(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self.pick_up()
            except OSError:
                _log.exception("payment files could not be taken")

    def _take(self, path: Path) -> None:
        """Booked first, then answered, then moved: cut off in between it is begun again, and finds what it booked."""
        with path.open(encoding=_ENCODING, newline="") as text:
            rows = list(csv.DictReader(text, delimiter=";"))
        if _agrees(rows, path.with_suffix(".ctl")):
            said, is_silent = self._enter(rows, path.name)
        else:
            said, is_silent = [(row.get("REF_PAIEMENT") or "", *_BROKEN) for row in rows], False
        found = _NAME.fullmatch(path.name)
        if found is not None and not is_silent:
            self._answer(f"ACQ_{found[1]}.csv", said)
        for one in (path, path.with_suffix(".ctl")):
            one.replace(self._root / ARCHIVES / one.name)

    def _enter(self, rows: list[dict[str, str]], batch: str) -> tuple[list[tuple[str, str, str]], bool]:
        said, is_silent = [], False
        for row in rows:
            reference = row.get("REF_PAIEMENT") or ""
            try:
                taken = self._till.enter(_asked(row, batch))
            except RefusedError as refused:
                said.append((reference, *_CODES[refused.why]))
            else:
                said.append((reference, *_TAKEN))
                is_silent = is_silent or taken.ends == "silent"
        return said, is_silent

    def _answer(self, name: str, said: list[tuple[str, str, str]]) -> None:
        beside = self._root / ANSWERS / f"{name}.tmp"
        with beside.open("w", encoding=_ENCODING, newline="") as text:
            csv.writer(text, delimiter=";", lineterminator="\r\n").writerows([_HEADER, *said])
        beside.replace(beside.with_suffix(""))


def _asked(row: Mapping[str, str], batch: str) -> Asked:
    is_back = row.get("SENS") == "D"
    code = (row.get("MOTIF") if is_back else row.get("MODE")) or ""
    known = _TAKEN_BACK if is_back else _LABELS
    return Asked(
        reference=row.get("REF_PAIEMENT") or "",
        account=row.get("CPT_CLIENT") or "",
        cents=_cents(row.get("MONTANT") or ""),
        code=code if code in known else next(iter(known)),
        label=known.get(code, "Encaissement"),
        paid_on=_day(row.get("DT_PAIEMENT") or ""),
        reverses=(row.get("REF_ORIGINE") or "") if is_back else None,
        batch=batch,
    )


def _agrees(rows: list[dict[str, str]], control: Path) -> bool:
    said = dict(line.split("=", 1) for line in control.read_text("ascii").splitlines() if "=" in line)
    total = sum(_cents(row.get("MONTANT") or "") for row in rows)
    return said.get("LIGNES") == str(len(rows)) and _cents(said.get("TOTAL", "")) == total


def _cents(text: str) -> int:
    try:
        cents = Decimal(text.replace(",", ".")) * 100
    except InvalidOperation:
        return 0
    return int(cents) if cents == cents.to_integral_value() else 0


def _day(text: str) -> date:
    try:
        day, month, year = (int(part) for part in text.split("/"))
        return date(year, month, day)
    except ValueError:
        return date.min
