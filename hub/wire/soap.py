"""A SOAP client that builds requests with zeep and hands back the raw reply as a stream."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hub.errors import ForbiddenError, HubError, MisconfiguredError, SettingsError
from hub.wire.deadline import Deadline
from hub.wire.faults import Fault, SoapReply, check_reply, classify_fault
from hub.wire.http import HttpResponse, HttpSession
from hub.wire.wsdl import VendoredWsdl


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """HTTP Basic, sent with every call."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """WS-Security UsernameToken in the SOAP header, as text or as digest with nonce and time."""

    user: str
    password: str = field(repr=False)
    digest: bool = False


class SoapClient:
    """Calls the operations of one vendored WSDL at one address.

    `wsdl`: a folder made by `vendor_wsdl`, or what it returned; nothing is fetched. `binding` (its local or `{ns}`
    name) and `address` come from the WSDL's service unless given. `on_fault` turns a Fault into the error to raise;
    the login and `secrets` (those sent as arguments) are blotted out of its text first. Raises MisconfiguredError for a
    changed or broken WSDL, SettingsError for an unknown binding, and for an address that is missing or, in the WSDL,
    on another host than the WSDL came from.
    """

    def __init__(
        self,
        wsdl: VendoredWsdl | Path,
        session: HttpSession,
        *,
        auth: BasicAuth | UsernameToken | None = None,
        binding: str | None = None,
        address: str | None = None,
        on_fault: Callable[[Fault, str], HubError] = classify_fault,
        secrets: Sequence[str] = (),
    ) -> None:
        self.wsdl = VendoredWsdl.open(wsdl) if isinstance(wsdl, Path) else wsdl
        self._transport = _Transport(self.wsdl, session, auth)
        self._on_fault = on_fault
        self._secrets = [secret for secret in (*secrets, auth.password if auth else "") if secret]
        self._client = _load(self.wsdl, self._transport, auth)
        name, own_address = _choose_binding(self._client, binding)
        self.address = address or _own_address(self.wsdl, own_address)
        self._binding = self._client.wsdl.bindings[name]
        self._service = self._client.create_service(name, self.address)

    def operations(self) -> dict[str, str]:
        """Every operation with its signature, to show when something is misspelt."""
        return {name: str(operation) for name, operation in sorted(self._binding.all().items())}

    def takes(self, operation: str) -> frozenset[str]:
        """The names of an operation's arguments. Raises SettingsError for an unknown one."""
        self._check_operation(operation)
        body = getattr(self._binding.get(operation).input, "body", None)
        return frozenset(name for name, _ in getattr(getattr(body, "type", None), "elements", None) or ())

    def call(
        self, operation: str, arguments: Mapping[str, Any] | None = None, *, deadline: Deadline | None = None
    ) -> SoapReply:
        """Sends one request and gives the raw reply, to be closed by the caller (`with`).

        `deadline` covers the call and the reading of its reply. Raises SettingsError for an unknown operation or an
        argument that does not fit its schema, what `on_fault` says of a Fault, and all `HttpSession.request` raises.
        """
        self._check_operation(operation)
        _check_types(self._binding.get(operation), arguments or {}, operation)
        self._transport.deadline = deadline
        response = self._send(operation, dict(arguments or {}))
        return check_reply(response, lambda fault: self._on_fault(self._masked(fault), operation))

    def fits(self, operation: str, arguments: Mapping[str, Any]) -> None:
        """Builds a request and sends nothing. Raises SettingsError where `call` would before it sends."""
        self._check_operation(operation)
        _check_types(self._binding.get(operation), arguments, operation)
        with self._telling(operation):
            self._client.create_message(self._service, operation, **arguments)

    def _check_operation(self, operation: str) -> None:
        known = list(self._binding.all())
        if operation not in known:
            close = difflib.get_close_matches(operation, known, 1)
            raise SettingsError(
                f"the WSDL has no operation {operation!r}",
                hint=f"did you mean {close[0]}?" if close else f"it has {', '.join(known[:20])}",
            )

    def _send(self, operation: str, arguments: dict[str, Any]) -> HttpResponse:
        with self._telling(operation):
            reply: HttpResponse = self._service[operation](**arguments)
        return reply

    @contextmanager
    def _telling(self, operation: str) -> Iterator[None]:
        """What zeep says of arguments that it cannot write."""
        import zeep.exceptions

        try:
            yield
        except (TypeError, ValueError, zeep.exceptions.Error) as error:
            raise SettingsError(
                f"the arguments of {operation} do not fit: {_reason(error)}",
                hint=f"its signature is {self.operations()[operation]}",
            ) from None

    def _masked(self, fault: Fault) -> Fault:
        """Some servers quote the login in their refusal."""
        text = fault.text
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return replace(fault, text=text)


class _Transport:
    """zeep's view of the network: documents from the vendored bytes, calls through our session, nothing else."""

    def __init__(self, wsdl: VendoredWsdl, session: HttpSession, auth: BasicAuth | UsernameToken | None) -> None:
        self._wsdl = wsdl
        self._session = session
        self.auth = auth
        self.deadline: Deadline | None = None

    def load(self, url: str) -> bytes:
        path = Path(url)
        content = self._wsdl.contents.get(path.name)
        if content is None or path.parent != self._wsdl.folder:
            raise ForbiddenError(f"the WSDL points outside its folder: {url[:200]}", hint="run housing-hub check")
        return content

    def post_xml(self, address: str, envelope: Any, headers: Mapping[str, str]) -> HttpResponse:
        from lxml import etree

        return self._session.request(
            "POST",
            address,
            data=etree.tostring(envelope, xml_declaration=True, encoding="utf-8"),
            headers=headers,
            auth=(self.auth.user, self.auth.password) if isinstance(self.auth, BasicAuth) else None,
            deadline=self.deadline,
            accept=(400, 500),
        )


def _load(wsdl: VendoredWsdl, transport: _Transport, auth: BasicAuth | UsernameToken | None) -> Any:
    import zeep
    import zeep.exceptions
    from zeep.wsse.username import UsernameToken as Token

    strict = {"strict": True, "forbid_dtd": True, "forbid_entities": True, "forbid_external": True}
    settings = zeep.Settings(raw_response=True, **strict)
    build: Any = zeep.Client  # zeep's own annotations are partial
    sign: Any = Token
    token = sign(auth.user, auth.password, use_digest=auth.digest) if isinstance(auth, UsernameToken) else None
    try:
        return build(str(wsdl.main), wsse=token, transport=transport, settings=settings)
    except (zeep.exceptions.Error, LookupError, TypeError, ValueError, AttributeError) as error:
        raise MisconfiguredError(
            f"the vendored WSDL cannot be used: {_reason(error)}", hint="run housing-hub check to fetch it anew"
        ) from None


def _own_address(wsdl: VendoredWsdl, address: str | None) -> str:
    """Where the WSDL says calls go, if that is the host it came from: its writer may not send our login elsewhere."""
    if not address:
        raise SettingsError("the WSDL gives no address for its service", hint="write the service's address")
    came_from, leads_to = urlsplit(wsdl.url).hostname, _host_of(address)
    if leads_to != came_from:
        raise SettingsError(
            f"the WSDL came from {came_from}, but sends calls to {leads_to or 'no host'}",
            hint="if that is meant, write it as address in the connector's settings; else write the address that is",
        )
    return address


def _host_of(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _choose_binding(client: Any, wanted: str | None) -> tuple[str, str | None]:
    """The binding's full name and its port's address. Without a wish: the first SOAP port, else the only binding."""
    names: list[str] = [name for name, binding in client.wsdl.bindings.items() if "Soap" in type(binding).__name__]
    ports = [port for service in client.wsdl.services.values() for port in service.ports.values()]
    addresses = {str(port.binding.name): port.binding_options.get("address") for port in reversed(ports)}
    fitting = [name for name in names if wanted in (None, name, name.rpartition("}")[2])]
    served = [str(port.binding.name) for port in ports if str(port.binding.name) in fitting]
    if served:
        return served[0], addresses[served[0]]
    if len(fitting) == 1:
        return fitting[0], None
    raise SettingsError(
        f"the WSDL has no binding {wanted!r}" if wanted else "the WSDL does not say which of its bindings to use",
        hint=f"write binding = one of {', '.join(name.rpartition('}')[2] for name in names) or '(it has none)'}",
    )


def _check_types(operation: Any, arguments: Mapping[str, Any], where: str) -> None:
    """zeep writes whatever it is given: a page number "abc" would only fail at the far side, in its own words."""
    body = getattr(operation.input, "body", None)
    _check_fields(getattr(body, "type", None), arguments, where)


def _check_fields(kind: Any, values: Mapping[str, Any], where: str) -> None:
    for name, element in getattr(kind, "elements", None) or ():
        value = values.get(name)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                _check_fields(element.type, item, f"{where}.{name}")
            elif item is not None:
                _check_leaf(element.type, item, f"{where}.{name}")


def _check_leaf(xsd_type: Any, value: Any, where: str) -> None:
    from zeep.xsd.types.simple import AnySimpleType

    if not isinstance(xsd_type, AnySimpleType):
        return
    kind: Any = xsd_type
    try:
        kind.pythonvalue(kind.xmlvalue(value))
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        raise SettingsError(
            f"the argument {where} must be of the type {kind.qname.localname if kind.qname else kind.name}",
            hint="correct the argument's template",
        ) from None


def _reason(error: Exception) -> str:
    """The first sentence of zeep's message, which names elements and arguments but no values."""
    return str(error).partition(" Signature:")[0][:300] or type(error).__name__
