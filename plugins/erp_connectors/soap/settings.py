"""What a landlord writes about a SOAP service and its operations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from erp_connectors.soap.parts import Part, Regex, RowPath
from erp_connectors.soap.posting_settings import SoapPosting
from erp_connectors.template import PLACEHOLDERS, placeholders
from hub.ports import ConnectorSettings, FeedSettings, setting

SECRETS = ("password", "licence")


class Message(Part):
    """What a business message (*message métier*) at HTTP 200, or a Fault, means for the hub."""

    match: Regex = setting("Regular expression, found anywhere in the text")
    means: Literal["empty", "misconfigured", "retryable", "terminal"] = setting("What the hub does about it")


class SoapSettings(ConnectorSettings):
    """The service, the login, and how to understand its replies."""

    wsdl: str = setting("Where the WSDL is; fetched once and pinned", example="https://erp.example.org/service?wsdl")
    address: str | None = setting("Where calls go, when not where the WSDL says", default=None)
    binding: str | None = setting("Which binding to use, when the WSDL has several", default=None)
    auth: Literal["none", "basic", "wsse_text", "wsse_digest", "body"] = setting(
        "How to log in; body: in the arguments, by {user} and {secret:password}", default="none"
    )
    user: str | None = setting("The user to log in as", default=None)
    password: SecretStr | None = setting("Password of the user", default=None)
    licence: SecretStr | None = setting("A licence key, for arguments: {secret:licence}", default=None)
    client_certificate: SecretStr | None = setting(
        "Certificate to show (mutual TLS), PEM, with the intermediate ones after it", default=None
    )
    client_key: SecretStr | None = setting("Its private key, PEM", default=None)
    client_key_passphrase: SecretStr | None = setting("Passphrase of that key, if it has one", default=None)
    authority: str | None = setting(
        "Certificate of the authority that signed the service's, PEM, where it is none of the public ones", default=None
    )
    calls_per_minute: dict[str, Annotated[float, Field(gt=0)]] = setting(
        "Most calls in a minute, by operation; `*` for all others", default={}, example={"*": 600}
    )
    message_path: str = setting("Where a reply that is a refusal says why", default="Messages/Message")
    messages: tuple[Message, ...] = setting("What those texts mean", default=())
    arguments: dict[str, Any] = setting(
        "Sent with every call whose operation takes them, a feed's own in their place; may hold {today}, {user}, "
        "{secret:password}",
        default={},
    )
    probe: str | None = setting("An operation that needs no other arguments, for `check` to log in with", default=None)
    probe_rows: RowPath | None = setting(
        "What its answer holds, for services that answer a wrong login with nothing", default=None
    )

    posting: SoapPosting | None = setting(
        "How payments are entered in the ERP; without it the hub posts none", default=None
    )

    @model_validator(mode="after")
    def _login_complete(self) -> Self:
        if self.auth in ("basic", "wsse_text", "wsse_digest") and (self.user is None or self.password is None):
            raise ValueError(f'auth = "{self.auth}" needs user and password')
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key go together")
        return self

    @model_validator(mode="after")
    def _placeholders_known(self) -> Self:
        check_placeholders(self.arguments, ("today", "user", "secret"))
        for call in self.posting.calls() if self.posting else ():
            _check_secrets(call.arguments)
        return self


class Pages(Part):
    """How a long answer is cut: `{page}` counts up, or `{token}` is what the last reply said."""

    by: Literal["page", "token"] = setting("What asks for the next page")
    first: int = setting("The number of the first page", default=1)
    size: int | None = setting(
        "By page, where the reply does not say how many there are: rows of a full page, as the service really sends "
        "them; a shorter one is the last",
        default=None,
        gt=0,
    )
    path: str | None = setting("Element of the reply: the next token, or (by page) the number of pages", default=None)
    parameter: str | None = setting(
        "By token, where the reply gives a link: the parameter of it that is the token (the link is not followed)",
        default=None,
        example="$skiptoken",
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if (self.path is None) == (self.size is None) or (self.by == "token" and self.path is None):
            raise ValueError("say how the last page is known: path, or else (by page only) size")
        if self.parameter is not None and self.by != "token":
            raise ValueError("parameter is for pages by token: it says which part of a link is the token")
        return self


class Window(Part):
    """Dates are asked for piece by piece: `{from}` and `{to}`, both included."""

    days: int = setting("Length of one piece", gt=0)
    start: date = setting("The first day the service holds anything of")
    ahead_days: int = setting("Days after today to ask for too: what is entered ahead of its date", default=0, ge=0)


class Loop(Part):
    """Calls are repeated for each of these values, written in the arguments by `name`."""

    name: Annotated[str, Field(pattern=r"^[a-z_]+$")] = setting("What the arguments call it", example="site")
    values: tuple[str, ...] = setting("The values, written out", default=())
    operation: str | None = setting("Or the operation that lists them", default=None)
    arguments: dict[str, Any] = setting("Its arguments", default={})
    rows: RowPath | None = setting("Path of its rows, from the element that repeats", default=None)
    path: str = setting("The value in a row", default=".")
    only: dict[str, str] = setting("Keep rows with these values", default={}, example={"Nature": "RES"})

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.values) == bool(self.operation) or (self.operation and not self.rows):
            raise ValueError("give either values, or operation with rows")
        return self


class Cursor(Part):
    """Where a delta goes on: from the greatest value of an element seen, or without `path` from the day of the run."""

    path: str | None = setting("Element of a row whose greatest value is kept", default=None)
    overlap_days: int = setting("Days to ask for again, for what is entered late", default=0, ge=0)


class CallFeed(FeedSettings):
    """One operation and how its rows are found."""

    operation: str = setting("The operation to call", example="ListerContrats")
    arguments: dict[str, Any] = setting(
        "Its arguments; texts may hold {cursor}, {today}, {page}, {token}, {from}, {to}, {user}, {secret:password}",
        default={},
    )
    rows: RowPath = setting(
        "The element that is a row, by its path from the one that repeats (memory holds one of these); a step may name "
        "several: Charge|Payment",
        example="Contrat/Parties/Partie",
    )
    inside: str | None = setting(
        "The element whose text is itself XML, escaped, in which the rows are", default=None, example="GetResult"
    )
    without: tuple[str, ...] = setting(
        "Elements below which nothing is a row: `before`, the old images of an ADO.NET diffgram", default=()
    )
    namespace: str | None = setting(
        "XML namespace the rows must have; without it, whatever the service sends is taken (many send placeholders)",
        default=None,
    )
    pages: Pages | None = setting("How a long answer is cut", default=None)
    window: Window | None = setting("Ask date range by date range", default=None)
    for_each: Loop | None = setting("Repeat the calls for each of some values", default=None)
    cursor: Cursor | None = setting("Where a delta goes on", default=None)
    silence: Literal["empty", "misconfigured"] = setting(
        "What a reply without rows and without a message means", default="empty"
    )

    @model_validator(mode="after")
    def _placeholders_known(self) -> Self:
        check_placeholders(self.arguments, {*PLACEHOLDERS, *([self.for_each.name] if self.for_each else [])})
        return self


def check_placeholders(arguments: Mapping[str, Any], known: Collection[str]) -> None:
    """Raises ValueError for a placeholder that nothing fills."""
    for name, _ in placeholders(arguments):
        if name not in known:
            raise ValueError(f"{{{name}}} is not known in arguments: there are {', '.join(sorted(known))}")
    _check_secrets(arguments)


def _check_secrets(arguments: Mapping[str, Any]) -> None:
    for name, spec in placeholders(arguments):
        if name == "secret" and spec not in SECRETS:
            raise ValueError(f"there is no secret {spec!r}: there are {', '.join(SECRETS)}")
