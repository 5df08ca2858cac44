"""What a message says, in the reader's language around the text of `runs show`. No personal data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from hub.store.alert_rows import PAYMENTS_FEED, Alert
from hub.telling.alerts import Event

Language = Literal["en", "fr"]

_PROBLEM: Final = {
    "en": {"held": "held", "failed": "failed", "late": "late", "payments": "need a person"},
    "fr": {"held": "retenu", "failed": "en échec", "late": "en retard", "payments": "demandent une personne"},
}
_WHOLE: Final = {"en": {PAYMENTS_FEED: "payments"}, "fr": {PAYMENTS_FEED: "paiements"}}
_SUBJECT: Final = {
    "en": {
        "problem": "{what}",
        "recovered": "well again: {what}",
        "reminder": "still: {what}",
        "summary": "summary of {day}",
        "test": "a test",
    },
    "fr": {
        "problem": "{what}",
        "recovered": "rétabli : {what}",
        "reminder": "toujours : {what}",
        "summary": "résumé du {day}",
        "test": "un essai",
    },
}
_FIRST: Final = {
    "en": {
        "problem": "This needs a look. Tenants go on seeing the last good data, with its date.",
        "recovered": "This is over; nothing is left to do.",
        "reminder": "This is not put right yet. Tenants go on seeing the last good data, with its date.",
        "summary": "This is how {name} stands.",
        "test": "A test message of the hub for {name}: whoever reads this will be told of bad nights.",
    },
    "fr": {
        "problem": "Un regard est nécessaire. Les locataires continuent de voir les dernières données bonnes, datées.",
        "recovered": "C'est terminé ; il ne reste rien à faire.",
        "reminder": "Ce n'est pas encore réglé. Les locataires voient toujours les dernières données bonnes, datées.",
        "summary": "Voici où en est {name}.",
        "test": "Message d'essai du hub pour {name} : qui le lit sera prévenu des mauvaises nuits.",
    },
}
_FIRST_PAYMENTS: Final = {
    "en": {
        "problem": "Payments need a person. Nothing is credited by guess, and nothing is lost meanwhile.",
        "reminder": "Payments still need a person. Nothing is credited by guess, and nothing is lost meanwhile.",
    },
    "fr": {
        "problem": "Des paiements demandent une personne. Rien n'est crédité au hasard, rien n'est perdu entre-temps.",
        "reminder": "Des paiements demandent toujours une personne. Rien n'est crédité au hasard, rien n'est perdu.",
    },
}
_LAST: Final = {
    "en": "You are told once, then once a day until it is over.",
    "fr": "Vous êtes prévenu une fois, puis une fois par jour jusqu'à ce que ce soit réglé.",
}
_SINCE: Final = {"en": "since", "fr": "depuis le"}
_MOST_NAMED: Final = 4


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to be sent. `id` is the same at every attempt."""

    id: str
    landlord: str
    event: Event
    language: Language
    subject: str
    lines: tuple[str, ...]
    alerts: tuple[Alert, ...]
    run_id: int | None

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def plain(self) -> dict[str, Any]:
        """What a webhook is sent."""
        problems = [
            {"feed": one.feed, "problem": one.problem, "since": one.opened_at.isoformat(), "run": one.run_id}
            for one in self.alerts
        ]
        return {
            "id": self.id,
            "event": self.event,
            "landlord": self.landlord,
            "language": self.language,
            "subject": self.subject,
            "problems": problems,
            "run": self.run_id,
            "text": self.text,
        }


def compose(
    *,
    message_id: str,
    landlord: str,
    name: str,
    event: Event,
    language: Language,
    alerts: Sequence[Alert] = (),
    body: Sequence[str] = (),
    run_id: int | None = None,
    now: datetime,
) -> Message:
    """The message about an event. `body` is what was seen, line by line (of `run_text`, or a summary)."""
    what = _named(alerts, language)
    subject = _SUBJECT[language][event].format(what=what, day=f"{now:%Y-%m-%d}")
    since = [f"  {_called(one, language):<18}{_since(one, language)}" for one in alerts]
    blocks = [[_first(event, alerts, language).format(name=name)], since, list(body)]
    blocks += [[_LAST[language]]] if event in ("problem", "reminder") else []
    lines = [line for block in blocks if block for line in (*block, "")][:-1]
    return Message(
        message_id, landlord, event, language, f"[{landlord}] {subject}", tuple(lines), tuple(alerts), run_id
    )


def language_of(chosen: Language | None, locale: str) -> Language:
    """As the landlord's file says, else by its locale."""
    return chosen or ("fr" if locale.startswith("fr") else "en")


def _first(event: Event, alerts: Sequence[Alert], language: Language) -> str:
    only_payments = bool(alerts) and all(one.problem == "payments" for one in alerts)
    plain = _FIRST[language][event]
    return _FIRST_PAYMENTS[language].get(event, plain) if only_payments else plain


def _since(alert: Alert, language: Language) -> str:
    return f"{_PROBLEM[language][alert.problem]}, {_SINCE[language]} {alert.opened_at:%Y-%m-%d %H:%M} UTC"


def _called(alert: Alert, language: Language) -> str:
    return _WHOLE[language].get(alert.feed, alert.feed)


def _named(alerts: Sequence[Alert], language: Language) -> str:
    named = [f"{_called(one, language)} {_PROBLEM[language][one.problem]}" for one in alerts[:_MOST_NAMED]]
    rest = len(alerts) - len(named)
    return ", ".join([*named, f"+{rest}"] if rest else named)
