"""Residences, their buildings, and the units (*lots*) in them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from hub.sandbox.model import Address, Site, Unit
from hub.sandbox.profiles import Profile
from hub.sandbox.words import words

GARDENS, STREETS = words()["gardens"], words()["streets"]
TOWNS = (
    ("95991", "Beauvallon-sur-Oise"),
    ("95992", "Saint-Éloi-lès-Prés"),
    ("95993", "Aÿ-la-Forêt"),
    ("95994", "Nœux-le-Bourg"),
    ("60995", "Crécy-l'Abbaye"),
    ("60996", "Villers-en-Valmont"),
    ("60997", "Garçonville"),
)
TYPOLOGIES = (("T1", 2600), ("T2", 4300), ("T3", 6100), ("T4", 7700), ("T5", 9300))
DWELLING_WEIGHTS = (10, 24, 36, 22, 8)
EMPTY_SITE = 9999


@dataclass(frozen=True, slots=True)
class Estate:
    """A residence with its buildings, in which units are found by number."""

    site: Site
    buildings: tuple[Site, ...]
    has_heating: bool


def build_estates(profile: Profile, rng: Random, *, count: int) -> list[Estate]:
    """`count` residences of one to four buildings."""
    return [_estate(profile, rng, n=n) for n in range(1, count + 1)]


def empty_site(profile: Profile) -> Site:
    """Land bought for later: a residence without a unit."""
    postal_code, city = TOWNS[0]
    return Site(
        profile.site.format(n=EMPTY_SITE),
        "",
        'Réserve foncière "La Prairie"; tranche 2',
        Address("lieu-dit La Prairie", "", postal_code, city),
    )


def _estate(profile: Profile, rng: Random, *, n: int) -> Estate:
    postal_code, city = rng.choice(TOWNS)
    address = Address(f"{rng.randint(1, 180)} {rng.choice(STREETS)}", "", postal_code, city)
    serial = f" {(n - 1) // len(GARDENS) + 1}" if n > len(GARDENS) else ""
    name = f"{GARDENS[(n - 1) % len(GARDENS)]}{serial}"
    site = Site(profile.site.format(n=n), "", f"Résidence {name}", address)
    buildings = tuple(
        Site(
            profile.building.format(site=site.code, letter=letter),
            site.code,
            f"{name}, bâtiment {letter}",
            Address(address.line1, f"Bâtiment {letter}", postal_code, city),
        )
        for letter in "ABCD"[: rng.randint(1, 4)]
    )
    return Estate(site, buildings, has_heating=rng.random() < 0.6)


def dwelling(profile: Profile, rng: Random, estate: Estate, *, lot: str, typology: str = "") -> Unit:
    """A flat, or a house where the landlord's ERP tells them apart."""
    name, area = rng.choices(TYPOLOGIES, DWELLING_WEIGHTS)[0]
    if typology:
        name, area = next(entry for entry in TYPOLOGIES if entry[0] == typology)
    building = rng.choice(estate.buildings)
    floor = rng.randint(0, 6)
    is_house = "house" in profile.units and rng.random() < 0.06
    return Unit(
        id=profile.unit.format(lot=lot),
        building=building.code,
        kind="house" if is_house else "dwelling",
        lot=lot,
        label=f"Logement {name}",
        typology=name,
        floor="RDC" if floor == 0 or is_house else str(floor),
        door="" if is_house else f"{floor}{rng.randint(1, 8):02d}",
        area_dm2=area + rng.randrange(-400, 700, 5),
        energy_label=rng.choices("ABCDEFG", (2, 8, 26, 36, 20, 6, 2))[0] if rng.random() < 0.93 else "",
        address=building.address,
    )


def annexe(profile: Profile, rng: Random, estate: Estate, *, lot: str, kind: str) -> Unit:
    """A garage, a parking space or a cellar."""
    building = rng.choice(estate.buildings)
    label = {"garage": "Garage fermé", "parking": "Stationnement extérieur", "cellar": "Cave"}[kind]
    area = {"garage": 1450, "parking": 0, "cellar": 480}[kind]
    return Unit(profile.unit.format(lot=lot), building.code, kind, lot, label, "", "-1", "", area, "", building.address)
