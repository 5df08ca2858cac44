"""`[[notify]]`: who is told of bad nights, late data, stuck payments and their end, by mail or webhook."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hub.config.references import Reference, reference
from hub.wire.policy import NetworkPolicy

Topic = Literal["held", "failed", "late", "payments", "recovered", "summary"]
TOPICS: tuple[Topic, ...] = get_args(Topic)

_Mail = Annotated[str, Field(pattern=r"^[^@\s<>,;\"]{1,64}@[A-Za-z0-9.-]{1,253}$")]
_SECONDS, _MAX_REPLY = 20.0, 64 * 1024


class Notify(BaseModel):
    """One who is told. Either `mail` or `webhook`; `private_hosts` and `allow_http` are the webhook's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_-]{0,59})?$")] = Field(
        default="", description="small letters, digits, _ and -; needed where there are several", examples=["on-call"]
    )
    mail: tuple[_Mail, ...] = Field(default=(), max_length=20, description="addresses", examples=['["it@example.org"]'])
    webhook: Annotated[str, Field(max_length=2000)] | None = None
    secret: dict[str, str] | None = Field(default=None, repr=False)
    key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")] = "1"
    on: tuple[Topic, ...] = ("held", "failed", "late", "payments", "recovered")
    language: Literal["en", "fr"] | None = None
    private_hosts: tuple[str, ...] = ()
    allow_http: bool = False

    @field_validator("secret", mode="before")
    @classmethod
    def _is_reference(cls, value: object) -> object:
        if value is not None and reference(value) is None:
            raise ValueError('secrets do not stand in this file: write { env = "NAME" } or { file = "path" }')
        return value

    @model_validator(mode="after")
    def _is_one_way(self) -> Notify:
        if bool(self.mail) == bool(self.webhook):
            raise ValueError("write either mail or webhook, and a [[notify]] of its own for the other")
        if self.webhook and self.secret is None:
            raise ValueError('webhook needs secret = { env = "NAME" }: what is sent is signed with it')
        if self.mail and (self.secret is not None or self.private_hosts or self.allow_http):
            raise ValueError("secret, private_hosts and allow_http belong to a webhook")
        return self

    @property
    def called(self) -> str:
        """Its name, or else what it is."""
        return self.name or ("mail" if self.mail else "webhook")

    @property
    def owner(self) -> str:
        """Under whose name its secret is stored: no connector can be called so."""
        return f"notify.{self.called}"

    @property
    def reference(self) -> Reference | None:
        """Where the secret is read when the file is applied."""
        return None if self.secret is None else reference(self.secret)

    @property
    def policy(self) -> NetworkPolicy:
        """What sending may do on the network."""
        return NetworkPolicy(
            private_hosts=frozenset(self.private_hosts),
            allow_http=self.allow_http,
            total_seconds=_SECONDS,
            max_bytes=_MAX_REPLY,
        )

    def plain(self) -> dict[str, Any]:
        """As it stands in the stored configuration."""
        return self.model_dump(mode="json", exclude_defaults=True)
