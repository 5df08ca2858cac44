"""What the templates of a posting may hold, whatever carries them: a SOAP call's arguments, a file's columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from erp_connectors.template import Lookup, placeholders
from hub.domain.kinds import EntryKind
from hub.errors import SettingsError
from hub.ports import Posting, PostingBatch
from hub.ports.postings import PostingKind

OF_A_POSTING = (
    "reference",
    "amount",
    "cents",
    "received",
    "owed",
    "currency",
    "paid_on",
    "method",
    "kind",
    "account_ref",
    "account_number",
    "contract_ref",
    "contract_reference",
    "person_ref",
    "site_ref",
    "reverses",
    "reverses_erp_ref",
    "reason",
)
OF_A_BATCH = ("number", "day")
_MONEY = ("amount", "received", "owed", "total", "net")
_NUMBERS = ("number", "cents", "rows")
_MONEY_SPECS = (None, ".", ",")


@dataclass(frozen=True, slots=True)
class Codes:
    """The ERP's words for ours. An empty table passes our own on; one that lacks a word refuses it."""

    methods: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[PostingKind, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str, word: str) -> str:
        table: Mapping[str, str] = getattr(self, f"{name}s")
        if not table or not word:
            return word
        if word not in table:
            raise SettingsError(
                f"the posting has no code for the {name} {word}", hint=f'write {name}s = {{ {word} = "…" }} in posting'
            )
        return table[word]


def values_of(batch: PostingBatch, posting: Posting, codes: Codes) -> dict[str, Any]:
    """Every placeholder of a posting. `amount` is positive; `received` is less than 0 for a reversal, `owed` for a
    payment; they are kept in cents until they are written."""
    sign = 1 if posting.kind == "payment" else -1
    return {
        **values_of_batch(batch),
        "reference": posting.reference,
        "amount": posting.amount_cents,
        "cents": posting.amount_cents,
        "received": sign * posting.amount_cents,
        "owed": -sign * posting.amount_cents,
        "currency": posting.currency,
        "paid_on": posting.paid_on,
        "method": codes.of("method", posting.method),
        "kind": codes.of("kind", posting.kind),
        "account_ref": posting.account_ref,
        "account_number": posting.account_number,
        "contract_ref": posting.contract_ref,
        "contract_reference": posting.contract_reference,
        "person_ref": posting.person_ref,
        "site_ref": posting.site_ref,
        "reverses": posting.reverses,
        "reverses_erp_ref": posting.reverses_erp_ref,
        "reason": codes.of("reason", posting.reason),
    }


def values_of_batch(batch: PostingBatch) -> dict[str, Any]:
    return {"number": batch.number, "day": batch.day}


def lookup(values: Mapping[str, Any], otherwise: Callable[[str, str | None], Any] | None = None) -> Lookup:
    """Reads a template's placeholders from `values`, written as their spec says; others from `otherwise`."""

    def look_up(name: str, spec: str | None) -> Any:
        if name not in values:
            return otherwise(name, spec) if otherwise else None
        value = values[name]
        if name in _MONEY:
            return money(value, spec or ".")
        if isinstance(value, date):
            return value
        # An empty text that stands alone leaves its argument out, as nothing does.
        return format(value, spec or "") or None

    return look_up


def money(cents: int, decimal: str) -> str:
    """12345 → "123.45"."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}{decimal}{rest:02d}"


def check_templates(template: Any, known: Collection[str]) -> None:
    """Raises ValueError for a placeholder that nothing fills, or that cannot be written as its spec says."""
    for name, spec in placeholders(template):
        if name not in known:
            raise ValueError(f"{{{name}}} is not known here: there are {', '.join(sorted(known))}")
        if name in _MONEY and spec not in _MONEY_SPECS:
            raise ValueError(f"{{{name}:{spec}}}: write {{{name}:,}} for a decimal comma, {{{name}}} for a point")
        if name in _NUMBERS and spec is not None:
            _check_format(0, name, spec)


def _check_format(value: object, name: str, spec: str) -> None:
    try:
        format(value, spec)
    except ValueError:
        raise ValueError(
            f"{{{name}:{spec}}} cannot be written: a number with zeros before it is {{{name}:06d}}"
        ) from None


def check_methods(methods: Mapping[str, str]) -> Mapping[str, str]:
    """A table from our words (`EntryKind`) to the ERP's. Raises ValueError for a word that is none of ours."""
    if unknown := sorted(set(methods) - {kind.value for kind in EntryKind}):
        raise ValueError(f"no kind of entry is called {', '.join(unknown)}")
    return methods
