"""A guarded HTTP client: pinned addresses, no redirects, no environment, total deadlines, byte limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NoReturn

import requests
import requests.auth
import urllib3

from hub.errors import (
    DeadlineError,
    HubError,
    InputRefusedError,
    MisconfiguredError,
    RateLimitedError,
    RetryableError,
    TerminalError,
    UnreachableError,
)
from hub.wire.deadline import Deadline
from hub.wire.identity import ClientIdentity, tls_context
from hub.wire.limited import Limited, too_large
from hub.wire.pinning import CURRENT, Exchange, PinnedAdapter
from hub.wire.policy import NetworkPolicy, check_url

_DEFAULT_WAIT = 60.0
# OpenSSL's names for the alerts with which a server refuses the certificate it was shown, or the lack of one.
_REFUSED_CERTIFICATE = re.compile(
    r"ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED|CERTIFICATE_UNKNOWN"
    r"|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)"
)
_LONGEST_WAIT = 24 * 3600.0


class HttpResponse:
    """A reply whose body has not been read yet. Close it on every path (`with`): it holds the connection."""

    def __init__(self, reply: requests.Response, exchange: Exchange, policy: NetworkPolicy, what: str) -> None:
        self._reply = reply
        self._exchange = exchange
        self.status = reply.status_code
        self.headers: Mapping[str, str] = reply.headers
        self.what = what
        self._stream = Limited(
            self._read_some,
            max_bytes=policy.max_bytes,
            what=f"the reply of {what}",
            deadline=exchange.deadline,
            on_close=self.close,
        )
        reply.raw.decode_content = True

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case ("" when the server gives none)."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def stream(self) -> Limited:
        """The body, decompressed, within the byte limit and the deadline."""
        return self._stream

    def read(self) -> bytes:
        """The whole body, then closes."""
        with self:
            return self._stream.read()

    def json(self) -> Any:
        """The body as JSON. Raises InputRefusedError when it is not."""
        try:
            return json.loads(self.read())
        except (ValueError, RecursionError):
            raise InputRefusedError(f"the reply of {self.what} is not JSON", hint="check the address") from None

    def close(self) -> None:
        self._exchange.end()
        self._reply.close()

    def _read_some(self, size: int) -> bytes:
        try:
            return self._reply.raw.read1(size)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            _raise_as_ours(error, self.what, self._exchange.deadline)

    def __enter__(self) -> HttpResponse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Unled(requests.Session):
    """Takes no redirect for one: even when told not to follow it, requests would read its body whole, without limit."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class HttpSession:
    """Keeps connections to the hosts a policy allows. One thread at a time; close it when done.

    `ca_file`: a PEM bundle for a landlord's private certificate authority, instead of the public ones; `authority`: the
    same as text. `identity`: what is shown where the server asks for a certificate (mutual TLS). Raises SettingsError
    or MisconfiguredError for certificates that cannot be used.
    """

    def __init__(
        self,
        policy: NetworkPolicy,
        *,
        ca_file: Path | None = None,
        user_agent: str = "housing-hub",
        identity: ClientIdentity | None = None,
        authority: str | None = None,
    ) -> None:
        self.policy = policy
        self._session = _Unled()
        self._session.trust_env = False
        self._session.headers.update({"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate"})
        if ca_file is not None:
            self._session.verify = str(ca_file)
        tls = tls_context(identity, authority) if identity or authority else None
        adapter = PinnedAdapter(policy, tls)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
        json: Any = None,
        auth: tuple[str, str] | None = None,
        deadline: Deadline | None = None,
        accept: Collection[int] = (),
    ) -> HttpResponse:
        """Sends one request; the reply's status is 2xx or one of `accept`, anything else raises.

        Raises ForbiddenError (address or scheme off limits), UnreachableError, DeadlineError, RateLimitedError (429,
        503), RetryableError (408, other 5xx), MisconfiguredError (3xx, 401, 403, 404), TerminalError (other 4xx).
        Messages name the host, never the path, the query or what was sent.
        """
        what = check_url(url, self.policy).origin
        exchange = Exchange(deadline or Deadline(self.policy.total_seconds))
        exchange.deadline.check(f"the request to {what}")
        reply = self._send(
            exchange,
            what,
            lambda: self._session.request(
                method,
                url,
                params=params,
                headers=headers,
                data=data,
                json=json,
                auth=_basic(auth) if auth else None,
                stream=True,
                allow_redirects=False,
                timeout=self._timeouts(exchange.deadline),
            ),
        )
        response = HttpResponse(reply, exchange, self.policy, what)
        try:
            _check_status(response, accept)
            _check_length(response, self.policy.max_bytes)
        except HubError:
            response.close()
            raise
        return response

    def get_json(self, url: str, **options: Any) -> Any:
        """GET, read as JSON; options as for `request`."""
        headers = {"Accept": "application/json", **options.pop("headers", {})}
        return self.request("GET", url, headers=headers, **options).json()

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> HttpSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _timeouts(self, deadline: Deadline) -> tuple[float, float]:
        return deadline.bound(self.policy.connect_seconds), deadline.bound(self.policy.read_seconds)

    def _send(self, exchange: Exchange, what: str, call: Callable[[], requests.Response]) -> requests.Response:
        token = CURRENT.set(exchange)
        try:
            return call()
        except HubError:
            exchange.end()
            raise
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            exchange.end()
            _raise_as_ours(error, what, exchange.deadline)
        finally:
            CURRENT.reset(token)


def _raise_as_ours(error: Exception, what: str, deadline: Deadline) -> NoReturn:
    """Names the trouble without its cause: the cause's text holds the URL with its query, so it is cut off."""
    if deadline.passed:
        raise deadline.error(f"the exchange with {what}") from None
    if isinstance(error, requests.exceptions.ReadTimeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
        raise DeadlineError(
            f"{what} stopped answering", hint="ask its operator, or raise the connector's read time limit"
        ) from None
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        raise MisconfiguredError(
            f"the certificate of {what} is not accepted",
            hint="give the landlord's certificate authority in ca_file, or have the certificate renewed",
        ) from None
    if refused := _REFUSED_CERTIFICATE.search(str(error)):
        raise MisconfiguredError(
            f"{what} does not accept our client certificate ({refused[1].lower().replace('_', ' ')})",
            hint="set client_certificate and client_key to what its operator gave you; ask whether they were renewed",
        ) from None
    if isinstance(error, requests.exceptions.ContentDecodingError | urllib3.exceptions.DecodeError):
        raise InputRefusedError(f"the reply of {what} is broken: it cannot be decompressed") from None
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        raise MisconfiguredError(f"the request to {what} cannot be written: {type(error).__name__}") from None
    hint = "it is tried again later"
    if isinstance(error, requests.exceptions.SSLError):
        hint += "; if it never works, the service may want a client certificate, or another one"
    raise UnreachableError(f"the connection to {what} broke off ({type(error).__name__})", hint=hint) from None


def _basic(auth: tuple[str, str]) -> requests.auth.HTTPBasicAuth:
    """As bytes: requests would write text as latin-1 and fail on the rest."""
    return requests.auth.HTTPBasicAuth(auth[0].encode(), auth[1].encode())


def _check_length(response: HttpResponse, max_bytes: int) -> None:
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large(f"the reply of {response.what}", max_bytes)


def _check_status(response: HttpResponse, accept: Collection[int]) -> None:
    status, what = response.status, response.what
    if 200 <= status < 300 or status in accept:
        return
    said = f"{what} answered {status}"
    if 300 <= status < 400:
        raise MisconfiguredError(f"{said} and points elsewhere", hint="write the final address in the settings")
    if status in (401, 403, 407):
        raise MisconfiguredError(f"{said}: it refuses our user, password or key", hint="check the connector's login")
    if status in (404, 405, 410):
        raise MisconfiguredError(f"{said}: no such service there", hint="check the address")
    if status in (429, 503):
        raise RateLimitedError(f"{said}: it is busy", retry_after=retry_after(response.headers.get("Retry-After")))
    if status in (408, 425) or status >= 500:
        raise RetryableError(said, hint="it is tried again later")
    raise TerminalError(
        f"{said}: it does not understand the request", hint="compare with the interface's documentation"
    )


def retry_after(value: str | None) -> float:
    """Seconds to wait from a Retry-After header, which is a number or a date; between 1 s and a day."""
    if value and value.strip().isdecimal():
        seconds = float(value)
    else:
        try:
            when = parsedate_to_datetime(value or "")
            seconds = (when - datetime.now(when.tzinfo or UTC)).total_seconds()
        except (TypeError, ValueError):
            seconds = _DEFAULT_WAIT
    return min(max(seconds, 1.0), _LONGEST_WAIT)
