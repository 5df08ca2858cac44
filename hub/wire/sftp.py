"""An SFTP session with a pinned host key, total deadlines and bounded transfers."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import posixpath
import socket
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from hub.errors import (
    DeadlineError,
    HubError,
    MisconfiguredError,
    RetryableError,
    SettingsError,
    StorageError,
    UnreachableError,
)
from hub.wire.deadline import Deadline, Watchdog
from hub.wire.hostkeys import HostKey, Pin, compare, parse_pin
from hub.wire.limited import too_large
from hub.wire.policy import NetworkPolicy, open_socket, resolve
from hub.wire.remote import BEING_WRITTEN, Fetched, Listing, RemoteFile, other_content
from hub.wire.sftp_listing import plain_name, read_folder, remote_file

if TYPE_CHECKING:
    import paramiko

_BLOCK = 32 * 1024
# What may be in flight at once. paramiko's own prefetch asks for the whole file at once (all of it in memory when the
# disk is slower), and its limit on requests polls with a sleep; a window keeps the line full and memory flat.
_WINDOW = 16 * 1024**2
_TOO_OLD = (
    "ask for a newer SSH server; where that cannot be and its host key is ssh-rsa with SHA-1 only, the connector's "
    "legacy_host_key = true accepts it"
)


def fetch_host_key(host: str, port: int, policy: NetworkPolicy, *, legacy: bool = False) -> HostKey:
    """The key a server shows, for a person to compare: nothing is sent that could be stolen. `legacy`: see below."""
    deadline = Deadline(policy.total_seconds)
    with (
        _guarding(f"{host}:{port}", deadline),
        contextlib.closing(_start(host, port, policy, deadline, None, legacy)) as transport,
    ):
        return _shown_key(transport)


class SftpSession:
    """A logged-in session; use it as a context manager, from one thread.

    `host_key`: see `parse_pin`; without one, entering raises with the key shown. `private_key`: the text of an OpenSSH
    or PEM key. No agent, no key files, no known_hosts. `prefetch=False` for servers that choke on many requests.
    `legacy=True` for servers that can sign with nothing but SHA-1 (`ssh-rsa`); `signed_with` says what they used.
    Entering raises ForbiddenError, UnreachableError, DeadlineError, MisconfiguredError (host key, login) or
    SettingsError (unreadable key). The policy's total time holds for log-in and for each call.
    """

    def __init__(
        self,
        host: str,
        port: int,
        policy: NetworkPolicy,
        *,
        user: str,
        host_key: str | None,
        password: str | None = None,
        private_key: str | None = None,
        passphrase: str | None = None,
        prefetch: bool = True,
        legacy: bool = False,
    ) -> None:
        self._host, self._port, self._policy, self._user = host, port, policy, user
        self._pin = parse_pin(host_key) if host_key else None
        self._password = password
        self._key_text, self._passphrase = private_key, passphrase
        self._prefetch, self._legacy = prefetch, legacy
        self.signed_with = ""
        self._name = f"{host}:{port}"
        self._open: paramiko.SFTPClient | None = None
        self._transport: paramiko.Transport | None = None

    def __enter__(self) -> SftpSession:
        import paramiko

        key = _load_key(self._key_text, self._passphrase) if self._key_text else None
        deadline = Deadline(self._policy.total_seconds)
        with _guarding(self._name, deadline):
            transport = _start(self._host, self._port, self._policy, deadline, self._pin, self._legacy)
            self._transport = transport
            self.signed_with = str(transport.host_key_type)
            with self._ending(deadline, close_on_error=True):
                compare(self._pin, _shown_key(transport), self._name)
                self._log_in(transport, key)
                self._open = paramiko.SFTPClient.from_transport(transport)
                if self._open is None:
                    raise MisconfiguredError(f"{self._name} offers no SFTP", hint="ask for SFTP, not only SSH")
                self._channel_timeout(self._policy.read_seconds)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the session; safe to call twice and from another thread."""
        if self._transport is not None:
            self._transport.close()
        self._open = self._transport = None

    def list(self, folder: str) -> Listing:
        """The plain files of a folder. Raises MisconfiguredError when there is none, or no right to read it."""
        with self._call(f"listing {folder}") as client:
            try:
                entries = read_folder(client, folder)
            except FileNotFoundError:
                raise MisconfiguredError(
                    f"{self._name} has no folder {folder}", hint="check the folder in the feed's file pattern"
                ) from None
        files, skipped = [], []
        for raw, attributes in entries:
            name = plain_name(raw)
            if name is None:
                skipped.append(ascii(raw)[2:-1][:120])
            elif stat.S_ISREG(attributes.st_mode or stat.S_IFREG):
                files.append(remote_file(name, posixpath.join(folder, name), attributes))
        return Listing(tuple(sorted(files, key=lambda file: file.name)), tuple(sorted(skipped)))

    def stat(self, path: str) -> RemoteFile:
        """One file's size and time. Raises RetryableError when it is gone."""
        with self._call(f"looking at {path}") as client:
            return remote_file(posixpath.basename(path), path, client.stat(path))

    def fetch(
        self, path: str, into: BinaryIO, *, max_bytes: int | None = None, deadline: Deadline | None = None
    ) -> Fetched:
        """Copies a file, block by block. Raises InputRefusedError above `max_bytes` (by default the policy's),
        RetryableError when the file changed size meanwhile, DeadlineError when it took too long."""
        limit = self._policy.max_bytes if max_bytes is None else max_bytes
        digest, count = hashlib.sha256(), 0
        with self._call(f"fetching {path}", deadline) as client, client.open(path, "rb") as remote:
            size = remote.stat().st_size or 0
            if size > limit:
                raise too_large(path, limit)
            for block in self._blocks(remote, size):
                into.write(block)
                digest.update(block)
                count += len(block)
            after = client.stat(path).st_size
        if count != size or after != size:
            raise RetryableError(
                f"{path} changed while it was read ({size:,} bytes, then {max(count, after or 0):,})",
                hint="it is still being written; it is read again later",
            )
        return Fetched(count, digest.hexdigest())

    def rename(self, old: str, new: str) -> None:
        """Moves a file, over an older one of the same name where there is one."""
        with self._call(f"renaming {old}") as client:
            try:
                client.posix_rename(old, new)
            except OSError:
                # An extension not all servers have; plain rename refuses to replace a file.
                client.stat(old)
                with contextlib.suppress(FileNotFoundError):
                    client.remove(new)
                client.rename(old, new)

    def put(self, path: str, content: bytes) -> None:
        """Writes a file whole or not at all: under a temporary name beside it, its size compared, then renamed.

        One of this name with the same content stays as it is; one with another content raises TerminalError. Raises
        MisconfiguredError without the folder or the right to write, RetryableError where less arrived than was sent.
        """
        if (standing := self._standing(path)) is not None:
            if standing != content:
                raise other_content(path)
            return
        beside = path + BEING_WRITTEN
        with self._call(f"writing {path}") as client:
            try:
                with client.open(beside, "wb") as remote:
                    remote.set_pipelined(True)
                    remote.write(content)
            except FileNotFoundError:
                raise MisconfiguredError(
                    f"{self._name} has no folder {posixpath.dirname(path) or '.'}", hint="check where files are put"
                ) from None
            arrived = client.stat(beside).st_size
            if arrived != len(content):
                raise RetryableError(f"of {path} {arrived} bytes arrived, not {len(content)}", hint="it is put again")
            try:
                client.posix_rename(beside, path)
            except OSError:
                # An extension not all servers have. Nothing was there a moment ago, and nothing is replaced.
                client.rename(beside, path)

    def _standing(self, path: str) -> bytes | None:
        """What lies at a path already."""
        with self._call(f"looking at {path}") as client:
            try:
                client.stat(path)
            except FileNotFoundError:
                return None
        content = io.BytesIO()
        self.fetch(path, content)
        return content.getvalue()

    def _blocks(self, remote: paramiko.SFTPFile, size: int) -> Iterator[bytes]:
        """The file's bytes up to `size`, and one more block if it has grown."""
        for start in range(0, size, _WINDOW):
            end = min(start + _WINDOW, size)
            chunks = [(at, min(_BLOCK, end - at)) for at in range(start, end, _BLOCK)]
            if self._prefetch:
                yield from remote.readv(chunks)
            else:
                yield from (remote.read(length) for _, length in chunks)

    def _log_in(self, transport: paramiko.Transport, key: paramiko.PKey | None) -> None:
        import paramiko

        try:
            if key is not None:
                transport.auth_publickey(self._user, key)
            else:
                transport.auth_password(self._user, self._password or "")
        except paramiko.AuthenticationException as error:
            way = "key" if key is not None else "password"
            known = getattr(error, "allowed_types", None)
            raise MisconfiguredError(
                f"{self._name} refuses our user and {way}" + (f"; it accepts {', '.join(known)}" if known else ""),
                hint=f"check user and {way} of the connector",
            ) from None

    @contextlib.contextmanager
    def _call(self, doing: str, deadline: Deadline | None = None) -> Iterator[paramiko.SFTPClient]:
        deadline = deadline or Deadline(self._policy.total_seconds)
        if self._open is None:
            raise UnreachableError(f"the session with {self._name} is closed")
        with _guarding(f"{doing} at {self._name}", deadline), self._ending(deadline):
            self._channel_timeout(deadline.bound(self._policy.read_seconds))
            yield self._open

    @contextlib.contextmanager
    def _ending(self, deadline: Deadline, close_on_error: bool = False) -> Iterator[None]:
        """Closes the transport when the deadline passes: that wakes a thread that waits for the server."""
        transport = self._transport
        with Watchdog(deadline, lambda: transport.close() if transport else None):
            try:
                yield
            except BaseException:
                if close_on_error:
                    self.close()
                raise

    def _channel_timeout(self, seconds: float) -> None:
        channel = self._open.get_channel() if self._open else None
        if channel is not None:
            channel.settimeout(seconds)


def _start(
    host: str, port: int, policy: NetworkPolicy, deadline: Deadline, pin: Pin | None, legacy: bool
) -> paramiko.Transport:
    """A transport that has agreed on keys with the server; nobody is logged in, the host key is not judged yet."""
    sock = open_socket(resolve(host, port, policy, deadline=deadline), deadline.bound(policy.connect_seconds))
    try:
        transport = _kind(legacy)(sock, disabled_algorithms={"macs": ["hmac-md5", "hmac-md5-96"]})
        transport.daemon = True
        transport.banner_timeout = transport.auth_timeout = deadline.bound(policy.connect_seconds * 2)
        transport.channel_timeout = deadline.bound(policy.read_seconds)
        _prefer(transport, pin)
        transport.start_client(timeout=deadline.bound(policy.connect_seconds * 2))
    except BaseException:
        sock.close()
        raise
    if not transport.initial_kex_done:
        transport.close()
        raise DeadlineError(f"{host}:{port} did not finish the SSH handshake", hint="ask the server's operator")
    return transport


def _kind(legacy: bool) -> type[paramiko.Transport]:
    import paramiko

    if not legacy:
        return paramiko.Transport
    from hub.wire.legacy import LegacyTransport

    return LegacyTransport


def _prefer(transport: paramiko.Transport, pin: Pin | None) -> None:
    """Asks for the pinned kind of key first, as a server may have several; the others stay, to be shown instead."""
    options = transport.get_security_options()
    pinned = ["rsa-sha2-512", "rsa-sha2-256"] if pin and pin.kind == "ssh-rsa" else [pin.kind if pin else None]
    known = list(options.key_types)
    options.key_types = tuple(sorted(known, key=lambda kind: kind not in pinned))


def _shown_key(transport: paramiko.Transport) -> HostKey:
    key = transport.get_remote_server_key()
    return HostKey.of(key.get_name(), key.asbytes())


def _load_key(text: str, passphrase: str | None) -> paramiko.PKey:
    import paramiko

    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), password=passphrase)
        except paramiko.PasswordRequiredException:
            raise SettingsError("the private key needs a passphrase", hint="give it as passphrase") from None
        except (paramiko.SSHException, ValueError, IndexError, TypeError):
            continue
    raise SettingsError(
        "the private key cannot be read" + (" with this passphrase" if passphrase else ""),
        hint="give the whole text of an OpenSSH or PEM key of type Ed25519, ECDSA or RSA",
    )


@contextlib.contextmanager
def _guarding(doing: str, deadline: Deadline) -> Iterator[None]:
    """Names what went wrong in our own words."""
    import paramiko

    try:
        yield
    except HubError:
        raise
    except (paramiko.SSHException, OSError, EOFError, ValueError) as error:
        _raise_as_ours(error, doing, deadline)


def _raise_as_ours(error: Exception, doing: str, deadline: Deadline) -> NoReturn:
    import paramiko

    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        said = os.strerror(error.errno)
        raise StorageError(f"{doing}: the hub's own disk fails: {said}", hint="make room in its work folder") from None
    if deadline.passed:
        raise deadline.error(doing) from None
    if isinstance(error, FileNotFoundError):
        raise RetryableError(f"{doing}: there is no such file", hint="it may have been moved meanwhile") from None
    if isinstance(error, PermissionError):
        raise MisconfiguredError(f"{doing}: not allowed", hint="ask the server's operator for the right") from None
    if isinstance(error, socket.timeout):
        raise DeadlineError(f"{doing}: the server stopped answering", hint="ask the server's operator") from None
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        raise MisconfiguredError(f"{doing}: no common algorithm: {error}", hint=_TOO_OLD) from None
    if isinstance(error, paramiko.SSHException | EOFError | ConnectionError) or str(error) == "Socket is closed":
        raise UnreachableError(f"{doing}: the connection broke off", hint="it is tried again later") from None
    said = error.args[0] if error.args else type(error).__name__
    raise RetryableError(f"{doing}: the server reports {said}", hint="it is tried again later") from None
