"""`check` of the `soap` connector: resolve, connect, WSDL, operations, log in, and one call for each feed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from erp_connectors.soap.scratch import scratch
from hub.errors import HubError, MisconfiguredError
from hub.ports import Feed, Finding
from hub.wire import check_url, resolve, vendor_wsdl
from hub.wire.policy import open_socket

if TYPE_CHECKING:
    from erp_connectors.soap.connector import SoapConnector
    from erp_connectors.soap.service import Service


def check(connector: SoapConnector, feeds: Sequence[Feed]) -> Iterator[Finding]:
    """Each step as it ends; stops at the first that fails, feeds are looked at one by one."""
    try:
        target = check_url(connector.settings.address or connector.settings.wsdl, connector.context.network)
    except HubError as error:
        yield Finding("address", False, error.message, error.hint)
        return
    steps = [
        (f"{target.host}:{target.port} resolve", partial(_resolve, connector, target.host, target.port)),
        (f"{target.host}:{target.port} connect", partial(_connect, connector, target.host, target.port)),
        ("WSDL", partial(_wsdl, connector)),
        ("operations", partial(_operations, connector, feeds)),
        *([("posting", partial(_posting, connector))] if connector.settings.posting else []),
        *([("log in", partial(_log_in, connector))] if connector.settings.probe else []),
    ]
    for step, action in steps:
        finding = _try(step, action)
        yield finding
        if not finding.ok:
            return
    for feed in feeds:
        yield _try(f"feed {feed.name}", partial(_one_call, connector, feed))


def _try(step: str, action: Callable[[], str]) -> Finding:
    try:
        return Finding(step, True, action())
    except HubError as error:
        return Finding(step, False, error.message, error.hint or "see the connector's settings in the landlord's file")


def _resolve(connector: SoapConnector, host: str, port: int) -> str:
    return resolve(host, port, connector.context.network).address


def _connect(connector: SoapConnector, host: str, port: int) -> str:
    policy = connector.context.network
    open_socket(resolve(host, port, policy), policy.connect_seconds).close()
    return ""


def _wsdl(connector: SoapConnector) -> str:
    """Every pinned WSDL is compared with the one the service shows now: a change is for a person to judge."""
    return "; ".join(_compared(connector, service) for service in connector.services)


def _compared(connector: SoapConnector, service: Service) -> str:
    pinned = service.wsdl()
    with tempfile.TemporaryDirectory(prefix="check-", dir=connector.context.folder) as folder:
        shown = vendor_wsdl(service.url, Path(folder), connector.http())
    if shown.digest != pinned.digest:
        raise MisconfiguredError(
            f"the service now shows another WSDL ({shown.digest[:16]}…) than the one pinned ({pinned.digest[:16]}…)",
            hint=f"ask the vendor what changed; to take the new one, delete {service.folder} and check again",
        )
    return f"{len(pinned.files)} files, sha256 {pinned.digest}"


def _operations(connector: SoapConnector, feeds: Sequence[Feed]) -> str:
    known = connector.client().operations()
    wanted = {feed.settings.operation for feed in feeds}  # type: ignore[attr-defined]  # CallFeed
    if missing := sorted(wanted - set(known)):
        raise MisconfiguredError(
            f"the WSDL has no operation {', '.join(missing)}", hint=f"it has {', '.join(sorted(known)[:30])}"
        )
    return f"{len(known)}, all {len(wanted)} that the feeds call among them"


def _posting(connector: SoapConnector) -> str:
    """Every call of a posting is built, for a posting that never was; nothing is sent."""
    poster = connector.poster()
    known = {name for service in connector.services for name in service.client().operations()}
    calls = list(poster.settings.calls())
    if missing := sorted({call.operation for call in calls} - set(known)):
        raise MisconfiguredError(
            f"the WSDL has no operation {', '.join(missing)}", hint=f"it has {', '.join(sorted(known)[:30])}"
        )
    for call in calls:
        connector.client_of(call.operation).fits(call.operation, connector.whole(call.operation, poster.example(call)))
    back = "can be taken back" if poster.settings.reversal else "cannot be taken back"
    asked = "asked after" if poster.settings.find else "not asked after: a time-out waits for a person"
    return f"{len(calls)} operations; payments {back}, and are {asked}"


def _log_in(connector: SoapConnector) -> str:
    with scratch(connector.context.folder) as spool:
        connector.probe(spool)
    return f"as {connector.settings.user}" if connector.settings.user else "without a user"


def _one_call(connector: SoapConnector, feed: Feed) -> str:
    with scratch(connector.context.folder) as spool:
        asking = connector.ask(feed, None, spool)
        rows = connector.first_rows(asking)
    return f"{asking.settings.operation} gave {rows:,} rows"
