"""Host keys of old SSH servers: RSA signed with SHA-1 (`ssh-rsa`), spoken only where a landlord's file says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import paramiko
from cryptography.hazmat.primitives import hashes

KIND = "ssh-rsa"
_OWN: Mapping[str, Any] = vars(paramiko.Transport)


class Sha1RsaKey(paramiko.RSAKey):
    """An RSA key whose SHA-1 signatures are accepted too. The pin still decides which key it must be."""

    HASHES = {**paramiko.RSAKey.HASHES, KIND: hashes.SHA1}  # type: ignore[misc]  # noqa: RUF012  # as in its base


class LegacyTransport(paramiko.Transport):
    """Offers `ssh-rsa` after everything better."""

    _preferred_keys = (*_OWN["_preferred_keys"], KIND)
    _key_info: ClassVar[dict[str, Any]] = {**_OWN["_key_info"], KIND: Sha1RsaKey}
