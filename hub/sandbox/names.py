"""Invented French persons: accents, ligatures, apostrophes and double names, as real files have them."""

from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from random import Random

from hub.sandbox.model import Person
from hub.sandbox.words import words

WOMEN, MEN, FAMILIES = (words()[group] for group in ("women", "men", "families"))
GUARANTEE_FUND = "Fonds de garantie Toit pour Tous"


def ascii_only(text: str) -> str:
    """Lower-case letters of a name, for an e-mail address ("D'Aubremont" → "daubremont")."""
    folded = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "Oe").replace("æ", "ae"))
    return "".join(char for char in folded.casefold() if char.isascii() and (char.isalnum() or char == "-"))


def invent_person(
    rng: Random, *, person_id: str, family: str | None = None, born: tuple[int, int] = (1940, 2004)
) -> Person:
    """A person born in a year of `born`; about one in eight has no e-mail, one in three no landline."""
    woman = rng.random() < 0.53
    given = rng.choice(WOMEN if woman else MEN)
    name = family or rng.choice(FAMILIES)
    birth = date(rng.randint(*born), 1, 1) + timedelta(days=rng.randrange(365))
    email = f"{ascii_only(given)}.{ascii_only(name)}.{person_id.lstrip('T0') or 0}@example.org"
    return Person(
        id=person_id,
        title="MME" if woman else "M.",
        given=given,
        family=name,
        birth_date=birth if rng.random() < 0.97 else None,
        email=email if rng.random() < 0.88 else "",
        phone=f"01 99 00 {rng.randrange(100):02d} {rng.randrange(100):02d}" if rng.random() < 0.66 else "",
        mobile=invent_mobile(rng) if rng.random() < 0.9 else "",
    )


def invent_mobile(rng: Random) -> str:
    return f"06 39 98 {rng.randrange(100):02d} {rng.randrange(100):02d}"


def guarantee_fund(person_id: str) -> Person:
    """A guarantor that is no natural person."""
    return Person(person_id, "", "", GUARANTEE_FUND, None, "contact@example.org", "01 99 00 10 10", "")
