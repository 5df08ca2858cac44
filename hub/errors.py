"""Everything that can go wrong, classed by what the hub does next.

::

    HubError
    ├── SetupError            stop and tell the person who configures: nothing is retried
    │   ├── SettingsError         a landlord file or an environment value is wrong
    │   ├── MappingError          a mapping cannot be compiled
    │   ├── PluginError           a plugin is missing, broken or built for another version
    │   └── MisconfiguredError    the far side refuses us: wrong password, unknown property, changed host key
    ├── RetryableError        try again later, the same way
    │   ├── UnreachableError      no answer: refused, reset, name not found
    │   ├── DeadlineError         hung or dripping beyond its total deadline
    │   ├── StorageError          our own disk or blob store: full, gone, not writable
    │   ├── RateLimitedError      told to slow down (carries `retry_after`, seconds)
    │   └── BreakerOpenError      not called at all: it did not answer lately and is left alone for a while
    ├── TerminalError         never try again by ourselves
    │   ├── InputRefusedError     a whole file or reply is refused: cut, too large, not what it says it is
    │   └── ForbiddenError        a guard said no: private address, redirect, entity, unlisted host
    ├── NotSupportedError     a capability the plugin does not have, "because …"
    └── AskError              a tenant's or operator's request that cannot be met (typed in the APIs)
        ├── NotFoundError
        ├── UnauthenticatedError
        ├── InvalidAskError
        └── ConflictError         what it was asked of has changed meanwhile

A message says what happened; `hint` says what to do next; `where` says which landlord, feed, file, line and field.
None of the three may hold a secret, an IBAN or a person's name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Where:
    """The place a problem was seen, as far as it is known. Lines count from 1."""

    landlord: str | None = None
    feed: str | None = None
    file: str | None = None
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        parts = (
            self.landlord,
            self.feed and f"feed {self.feed}",
            self.file,
            self.line and f"line {self.line}",
            self.field and f"field {self.field}",
        )
        return ", ".join(str(part) for part in parts if part)


class HubError(Exception):
    """Root of the tree. `code` is stable and may be matched by machines."""

    code: ClassVar[str] = "HUB_ERROR"

    def __init__(self, message: str, *, hint: str = "", where: Where | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where or Where()

    def at(self, **known: str | int | None) -> HubError:
        """The same error, with what the caller knows of the place; what is already known is kept."""
        missing = {name: value for name, value in known.items() if getattr(self.where, name) is None}
        self.where = replace(self.where, **missing)  # type: ignore[arg-type]  # names are Where's own
        return self

    def __str__(self) -> str:
        place = f"{self.where}: " if str(self.where) else ""
        todo = f" → {self.hint}" if self.hint else ""
        return f"{place}{self.message}{todo}"


class SetupError(HubError):
    code = "SETUP"


class SettingsError(SetupError):
    code = "SETTINGS"


class MappingError(SetupError):
    code = "MAPPING"


class PluginError(SetupError):
    code = "PLUGIN"


class MisconfiguredError(SetupError):
    code = "MISCONFIGURED"


class RetryableError(HubError):
    code = "RETRYABLE"


class UnreachableError(RetryableError):
    code = "UNREACHABLE"


class DeadlineError(RetryableError):
    code = "DEADLINE"


class StorageError(RetryableError):
    code = "STORAGE"


class RateLimitedError(RetryableError):
    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: float, hint: str = "", where: Where | None = None) -> None:
        super().__init__(message, hint=hint, where=where)
        self.retry_after = retry_after


class BreakerOpenError(RetryableError):
    code = "BREAKER_OPEN"


class TerminalError(HubError):
    code = "TERMINAL"


class InputRefusedError(TerminalError):
    code = "INPUT_REFUSED"


class ForbiddenError(TerminalError):
    code = "FORBIDDEN"


class NotSupportedError(HubError):
    code = "NOT_SUPPORTED"


class AskError(HubError):
    code = "ASK"


class NotFoundError(AskError):
    code = "NOT_FOUND"


class UnauthenticatedError(AskError):
    code = "UNAUTHENTICATED"


class InvalidAskError(AskError):
    code = "INVALID"


class ConflictError(AskError):
    code = "CONFLICT"
