"""A message as plain-text mail, over SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from hub.errors import DeadlineError, HubError, MisconfiguredError, RetryableError, SettingsError, UnreachableError
from hub.telling.message import Message

_SECONDS = 30.0
_GRAMMAR = "write HOUSING_HUB_SMTP_URL as smtp://user:password@host:587 or smtps://user:password@host:465"


def send_mail(
    message: Message, *, smtp_url: SecretStr | None, sender: str, addresses: Sequence[str], now: datetime
) -> str:
    """Hand the message to the mail server; gives what happened. Blocks for at most half a minute a step.

    Raises SettingsError without a server, UnreachableError, DeadlineError or RetryableError when it is worth another
    try, MisconfiguredError when the server refuses us or every address. No text names an address.
    """
    server = _server(smtp_url)
    try:
        with _connected(server) as smtp:
            _log_in(smtp, server)
            refused = smtp.send_message(_mail(message, sender, addresses, now), from_addr=sender, to_addrs=addresses)
    except (smtplib.SMTPException, OSError) as error:
        raise _ours(error, f"the mail server {server.hostname}") from None
    left_out = f", which refused {len(refused)} of them" if refused else ""
    return f"handed to {server.hostname} for {len(addresses)} address(es){left_out}"


def _server(smtp_url: SecretStr | None) -> SplitResult:
    if smtp_url is None:
        raise SettingsError("no mail server is set", hint=_GRAMMAR)
    try:
        parts = urlsplit(smtp_url.get_secret_value())
        usable = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError("the mail server's URL cannot be read", hint=_GRAMMAR)
    return parts


def _connected(server: SplitResult) -> smtplib.SMTP:
    """A greeted connection, encrypted where the server can."""
    host, secure = server.hostname or "", ssl.create_default_context()
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(host, server.port or 465, timeout=_SECONDS, context=secure)
    smtp = smtplib.SMTP(host, server.port or 25, timeout=_SECONDS)
    try:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=secure)
            smtp.ehlo()
    except BaseException:
        smtp.close()
        raise
    return smtp


def _log_in(smtp: smtplib.SMTP, server: SplitResult) -> None:
    if server.username is None:
        return
    if not isinstance(smtp.sock, ssl.SSLSocket) and not _is_here(server.hostname or ""):
        raise MisconfiguredError(
            f"the mail server {server.hostname} offers no encryption, and the password is not sent in clear",
            hint="use smtps://, or a server that offers STARTTLS",
        )
    smtp.login(unquote(server.username), unquote(server.password or ""))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mail(message: Message, sender: str, addresses: Sequence[str], now: datetime) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, ", ".join(addresses)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{message.id}@{sender.partition('@')[2]}>"
    mail["Content-Language"] = message.language
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail


def _ours(error: Exception, what: str) -> HubError:
    """The server's own words are left out: they may repeat an address."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return MisconfiguredError(f"{what} refuses our user or password", hint=_GRAMMAR)
    if isinstance(error, ssl.SSLCertVerificationError):
        return MisconfiguredError(f"the certificate of {what} is not accepted", hint="have it renewed")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _refused([code for code, _ in error.recipients.values()], f"{what} refuses every address")
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused([error.smtp_code], f"{what} answered {error.smtp_code}")
    if isinstance(error, TimeoutError):
        return DeadlineError(f"{what} did not answer within {_SECONDS:g} s", hint="it is tried again later")
    return UnreachableError(f"{what} cannot be reached ({type(error).__name__})", hint="it is tried again later")


def _refused(codes: Sequence[int], said: str) -> HubError:
    if all(500 <= code < 600 for code in codes):
        return MisconfiguredError(said, hint="check the addresses in [[notify]] and HOUSING_HUB_MAIL_FROM")
    return RetryableError(said, hint="it is tried again later")
