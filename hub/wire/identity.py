"""Mutual TLS: our own certificate and key, from secrets in memory to a TLS context."""

from __future__ import annotations

import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.errors import MisconfiguredError, SettingsError


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """A client certificate (PEM, the intermediate ones after it) and its private key (PEM)."""

    certificate: str = field(repr=False)
    key: str = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


def tls_context(identity: ClientIdentity | None, authority: str | None) -> ssl.SSLContext:
    """A context that shows `identity` and trusts `authority` (PEM) instead of the public ones.

    Raises SettingsError for what cannot be read or does not go together, MisconfiguredError for a certificate that is
    past its time or not yet valid.
    """
    import requests.utils

    try:
        context = ssl.create_default_context(
            cadata=authority, cafile=None if authority else requests.utils.DEFAULT_CA_BUNDLE_PATH
        )
    except (ssl.SSLError, ValueError):
        raise SettingsError(
            "the authority is no certificate", hint="give its PEM: -----BEGIN CERTIFICATE----- …"
        ) from None
    if identity is not None:
        _check_dates(identity.certificate)
        _show(context, identity)
    return context


def _check_dates(certificate: str) -> None:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:
        raise SettingsError(
            "the client certificate cannot be read", hint="give its PEM: -----BEGIN CERTIFICATE----- …"
        ) from None
    now = datetime.now(UTC)
    if now > found.not_valid_after_utc:
        raise MisconfiguredError(
            f"our client certificate expired on {found.not_valid_after_utc:%Y-%m-%d}",
            hint="ask the service's operator for a new one, then apply the landlord's file again",
        )
    if now < found.not_valid_before_utc:
        raise MisconfiguredError(
            f"our client certificate is not valid before {found.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
            hint="check this machine's clock",
        )


def _show(context: ssl.SSLContext, identity: ClientIdentity) -> None:
    """The ssl module reads keys from files only: what stands there for a moment is locked with a word nobody keeps."""
    word = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="hub-tls-") as folder:
        path = Path(folder) / "identity.pem"
        path.touch(0o600)
        path.write_bytes(identity.certificate.encode() + b"\n" + _locked(identity, word))
        try:
            context.load_cert_chain(path, password=word)
        except ssl.SSLError:
            raise SettingsError(
                "the client key does not belong to the client certificate",
                hint="give the key the certificate was asked for with; the certificate comes first, its chain after it",
            ) from None


def _locked(identity: ClientIdentity, word: str) -> bytes:
    from cryptography.hazmat.primitives import serialization

    passphrase = identity.passphrase.encode() if identity.passphrase else None
    try:
        key: Any = serialization.load_pem_private_key(identity.key.encode(), passphrase)
    except (TypeError, ValueError):
        raise SettingsError(
            "the client key cannot be read" + (" with this passphrase" if passphrase else ""),
            hint="give its PEM: -----BEGIN PRIVATE KEY----- …, and its passphrase if it has one",
        ) from None
    lock = serialization.BestAvailableEncryption(word.encode())
    locked: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    return locked
