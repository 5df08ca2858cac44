"""Lake ERP: a REST ERP that gives contracts page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import SecretStr

from hub.errors import HubError
from hub.hookspecs import hookimpl
from hub.ports import CallSource, Capabilities, ConnectorSettings, ErpConnector, Feed, Finding, Pull, Spool, setting
from hub.records import Batch, ContractRecord, Stream
from hub.wire import HttpSession

HUB_API = (1, 0)


class LakeSettings(ConnectorSettings):
    """Where Lake answers, and the token it gave us."""

    base_url: str = setting("Where the ERP answers", example="https://erp.example.org/api")
    token: SecretStr = setting("Issued in Lake under Administration › API")


class LakeConnector(CallSource[LakeSettings]):
    """Contracts, whole or since the last night."""

    name = "lake"
    summary = "Lake, a REST ERP"
    settings_model = LakeSettings
    capabilities = Capabilities(pull={Stream.CONTRACTS: Pull(delta=True)})

    def check(self, feeds: Sequence[Feed]) -> Iterator[Finding]:
        steps = {"log in": "/me", **{f"feed {feed.name}": "/contracts" for feed in feeds}}
        for step, path in steps.items():
            try:
                self._get(path, {})
            except HubError as error:
                yield Finding(step, False, error.message, error.hint or "ask Lake's support")
                return
            yield Finding(step, True)

    def pull(self, feed: Feed, cursor: str | None, spool: Spool) -> Iterator[Batch]:
        page: int | None = 1
        while page is not None:
            answer = self._get("/contracts", {"page": page, **({"changedSince": cursor} if cursor else {})})
            with spool.create(f"contracts-{page}.json") as sink:
                sink.write(json.dumps(answer).encode())
            yield Batch([self._contract(row) for row in answer["items"]], cursor=answer["asOf"])
            page = answer.get("next")

    def _get(self, path: str, params: dict[str, Any]) -> Any:
        token = self.settings.token.get_secret_value()
        with HttpSession(self.context.network) as http:
            headers = {"Authorization": f"Bearer {token}"}
            return http.get_json(self.settings.base_url + path, params=params, headers=headers)

    def _contract(self, row: dict[str, Any]) -> ContractRecord:
        return ContractRecord.model_validate_json(
            json.dumps(
                {"external_id": row["id"], "reference": row["ref"], "status": row["state"], "starts_on": row["from"]}
            )
        )


@hookimpl
def register_erp_connectors() -> list[type[ErpConnector[Any]]]:
    """Lake brings one connector."""
    return [LakeConnector]
