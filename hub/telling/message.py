"""What a message says, in the reader's language around the text of `runs show`. No personal data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from hub.store.alert_rows import Alert
from hub.telling.alerts import Event

Language = Literal["en", "fr"]

_PROBLEM: Final = {
    "en": {"held": "held", "failed": "failed", "late": "late"},
    "fr": {"held": "retenu", "failed": "en échec", "late": "en retard"},
}
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
    since = [
        f"  {one.feed:<18}{_PROBLEM[language][one.problem]}, {_SINCE[language]} {one.opened_at:%Y-%m-%d %H:%M} UTC"
        for one in alerts
    ]
    blocks = [[_FIRST[language][event].format(name=name)], since, list(body)]
    blocks += [[_LAST[language]]] if event in ("problem", "reminder") else []
    lines = [line for block in blocks if block for line in (*block, "")][:-1]
    return Message(
        message_id, landlord, event, language, f"[{landlord}] {subject}", tuple(lines), tuple(alerts), run_id
    )


def language_of(chosen: Language | None, locale: str) -> Language:
    """As the landlord's file says, else by its locale."""
    return chosen or ("fr" if locale.startswith("fr") else "en")


def _named(alerts: Sequence[Alert], language: Language) -> str:
    named = [f"{one.feed} {_PROBLEM[language][one.problem]}" for one in alerts[:_MOST_NAMED]]
    rest = len(alerts) - len(named)
    return ", ".join([*named, f"+{rest}"] if rest else named)
