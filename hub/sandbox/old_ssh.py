"""An SSH server of another time: one RSA key, proven with SHA-1, nothing else on offer."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import paramiko

_KIND = "ssh-rsa"


def old_key() -> paramiko.PKey:
    """A new RSA key that signs with SHA-1, which paramiko's own refuse to do."""
    import paramiko  # at first use: 0.2 s
    from cryptography.hazmat.primitives import hashes

    key = paramiko.RSAKey.generate(2048)
    key.HASHES = {_KIND: hashes.SHA1}  # type: ignore[misc]  # Final in the stubs alone
    return key


def old_transport(connection: socket.socket) -> paramiko.Transport:
    """The server's side of a connection that offers `ssh-rsa` only."""
    import paramiko

    transport = paramiko.Transport(connection)
    old: dict[str, object] = {"_preferred_keys": (_KIND,), "_key_info": {_KIND: paramiko.RSAKey}}
    vars(transport).update(old)
    return transport
