"""The calls this provider makes, and lists to their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hub.errors import InputRefusedError, PluginError
from hub.ports import Context
from hub.wire import Deadline, HttpSession
from payment_providers.stripe.settings import StripeSettings

if TYPE_CHECKING:
    from stripe import StripeClient

    from payment_providers.stripe.guarded import GuardedClient

_PAGE, _MOST_PAGES = 100, 200


class StripeApi:
    """One account's calls."""

    def __init__(self, settings: StripeSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._client: StripeClient | None = None
        self._http: GuardedClient | None = None

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self._call("get", path, params)

    def post(self, path: str, params: Mapping[str, Any], *, key: str) -> dict[str, Any]:
        return self._call("post", path, params, key)

    def each(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Every object of a list, newest first, page by page."""
        after: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = self.get(path, limit=_PAGE, **params, **after)
            rows = page.get("data")
            if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("id") for row in rows):
                raise InputRefusedError("a list of Stripe's cannot be read")
            yield from rows
            if not page.get("has_more") or not rows:
                return
            after = {"starting_after": rows[-1]["id"]}
        raise InputRefusedError(f"a list of Stripe's has more than {_PAGE * _MOST_PAGES:,} entries")

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
        self._client = self._http = None

    def _call(self, method: str, path: str, params: Mapping[str, Any], key: str = "") -> dict[str, Any]:
        guarded = _library()
        if self._client is None:
            own = self._settings
            self._http = guarded.GuardedClient(HttpSession(self._context.network), self._deadline)
            self._client = guarded.make_client(own.secret_key.get_secret_value(), own.api_base, self._http)
        answer: dict[str, Any] = guarded.call(self._client, method, path, params, key)
        return answer

    def _deadline(self) -> Deadline:
        return Deadline(min(self._settings.seconds, self._context.network.total_seconds))


def _library() -> Any:
    """The part that needs the library. Raises PluginError where the extra is not installed."""
    try:
        from payment_providers.stripe import guarded
    except ModuleNotFoundError as error:
        if error.name != "stripe":
            raise
        raise PluginError(
            "the package 'stripe' is missing", hint='pip install "housing-hub[stripe]" where workers run'
        ) from None
    return guarded
