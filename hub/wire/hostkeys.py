"""SSH host keys: pinned at set-up as a full line or a SHA256 fingerprint, compared on every connection."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from itertools import pairwise

from hub.errors import MisconfiguredError, SettingsError

_HINT = (
    "if the operator of the server confirms the new fingerprint, write it as host_key; otherwise somebody may be "
    "answering in its place"
)


@dataclass(frozen=True, slots=True)
class HostKey:
    """A server's public key. `line`: `ssh-ed25519 AAAA…`; `sha256`: `SHA256:…`, as `ssh-keygen -l` prints it."""

    line: str
    sha256: str

    @classmethod
    def of(cls, kind: str, blob: bytes) -> HostKey:
        return cls(f"{kind} {base64.b64encode(blob).decode()}", fingerprint(blob))

    @property
    def kind(self) -> str:
        return self.line.partition(" ")[0]


def fingerprint(blob: bytes) -> str:
    """`SHA256:` and the unpadded base64 of the key's hash."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Pin:
    """What a landlord's file says the host key is. `kind` is known when the whole line was given."""

    sha256: str
    kind: str | None = None


def parse_pin(text: str) -> Pin:
    """Reads `SHA256:…`, `ssh-ed25519 AAAA… [comment]` or a known_hosts line. Raises SettingsError."""
    words = text.split()
    if len(words) == 1 and words[0].startswith("SHA256:"):
        return Pin("SHA256:" + words[0].removeprefix("SHA256:").rstrip("="))
    for kind, blob in pairwise(words):
        if kind.startswith(("ssh-", "ecdsa-", "sk-")):
            try:
                return Pin(fingerprint(base64.b64decode(blob, validate=True)), kind)
            except binascii.Error:
                break
    raise SettingsError(
        "host_key is neither a line like `ssh-ed25519 AAAA…` nor a fingerprint like `SHA256:…`",
        hint="run housing-hub check: it prints the server's key to compare and copy",
    )


def compare(pin: Pin | None, shown: HostKey, host: str) -> None:
    """Raises MisconfiguredError when the key shown is not the pinned one, or none is pinned."""
    if pin is None:
        raise MisconfiguredError(
            f"no host key is pinned for {host}, which shows {shown.sha256} ({shown.kind})",
            hint="compare it with what the server's operator gives you, then write it as host_key",
        )
    if pin.sha256 != shown.sha256:
        raise MisconfiguredError(
            f"the host key of {host} has changed: it shows {shown.sha256} ({shown.kind}), pinned is {pin.sha256}",
            hint=_HINT,
        )
