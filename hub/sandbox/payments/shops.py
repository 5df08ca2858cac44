"""The landlords' contracts with their payment providers: one a landlord and wire, keys made once and kept."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

from hub.sandbox.keys import write_secret
from hub.sandbox.model import Landlord
from hub.sandbox.payments.model import Shop, Wire

NAMES: Mapping[Landlord, str] = {
    "rives-doise": "Rives d'Oise Habitat",
    "cite-des-tilleuls": "Cité des Tilleuls",
    "lakeside-homes": "Lakeside Homes",
}
WIRES: tuple[Wire, ...] = get_args(Wire)
_ALPHABET = string.ascii_letters + string.digits


def _letters(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


_MAKE: Mapping[Wire, Mapping[str, Callable[[], str]]] = {
    "lyra": {"password": lambda: f"testpassword_{_letters(40)}", "hmac_key": lambda: _letters(40)},
    "vads": {"key": lambda: _letters(16)},
    "payfip": {},
    "stripe": {"secret_key": lambda: f"sk_test_{_letters(40)}", "webhook_secret": lambda: f"whsec_{_letters(32)}"},
}
_ID: Mapping[Wire, str] = {
    "lyra": "6987650{n}",
    "vads": "1234567{n}",
    "payfip": "00610{n}",
    "stripe": "acct_sandbox{n}",
}


def open_shops(folder: Path) -> dict[str, Shop]:
    """By key (`rives-doise/lyra`); secrets lie in `<folder>/secrets/pay_<landlord>_<wire>_<name>`."""
    shops = [_open(folder, landlord, wire, n) for n, landlord in enumerate(NAMES, 1) for wire in WIRES]
    return {shop.key: shop for shop in shops}


def _open(folder: Path, landlord: Landlord, wire: Wire, n: int) -> Shop:
    files = {name: f"secrets/pay_{landlord}_{wire}_{name}" for name in _MAKE[wire]}
    kept = {name: _kept(folder / file, _MAKE[wire][name]) for name, file in files.items()}
    number = _ID[wire].format(n=n)
    public = {"public_key": f"{number}:testpublickey_sandbox{n}"} if wire == "lyra" else {}
    return Shop(landlord, wire, NAMES[landlord], number, kept, files, public)


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_secret(path, make())
    return path.read_text("ascii").strip()
