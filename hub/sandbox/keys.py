"""Ed25519 keys and passwords of a sandbox, made once, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    import paramiko


def new_key(path: Path) -> None:
    """A private key in OpenSSH's form (paramiko reads Ed25519 keys but makes none)."""
    key = Ed25519PrivateKey.generate()
    write_secret(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii"))


def read_key(path: Path) -> paramiko.PKey:
    import paramiko  # at first use: 0.2 s

    return paramiko.Ed25519Key.from_private_key_file(str(path))


def host_key_line(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def password(path: Path) -> str:
    """The password kept in `path`, made there at the first call."""
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(18))
    return path.read_text("ascii").strip()


def write_secret(path: Path, text: str) -> None:
    """Never readable by others, not even while it is written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(path.name + ".tmp")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    beside.replace(path)
