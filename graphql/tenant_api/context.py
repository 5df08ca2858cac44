"""What resolvers are given: who is asking, at which landlord, and the loaders that read for them in batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import strawberry

from hub.domain.clock import Clock
from hub.errors import UnauthenticatedError
from hub.jobs import Bell
from hub.services import download
from hub.services.download import Ticket
from hub.store.landlord_rows import LandlordRow
from hub.store.reads import Reading, Session
from hub.store.reads.documents import DocumentRow
from tenant_api.errors import Language
from tenant_api.loaders import Loaders


@dataclass(slots=True)
class Context:
    """One request. `session` is None for a query that asks nothing personal and came without a token."""

    landlord: LandlordRow
    reading: Reading
    session: Session | None
    now: datetime
    today: date
    address: str
    link_key: bytes
    clock: Clock
    bell: Bell
    language: Language
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.loaders = Loaders(self.reading, self.today)

    @property
    def viewer(self) -> Session:
        """The session. UnauthenticatedError when there is none."""
        if self.session is None:
            raise UnauthenticatedError("no session")
        return self.session

    def link(self, document: DocumentRow) -> tuple[str, datetime] | None:
        """A download link of a document's content and when it ends; None while there is no content."""
        if document.media_type is None or document.through is None:
            return None
        expires_at = download.expiry(self.now)
        landlord = self.landlord.slug
        ticket = Ticket(landlord, document.id, self.viewer.person, document.through, expires_at)
        return f"{self.address}/{landlord}/documents/{download.sign(self.link_key, ticket)}", expires_at


Info = strawberry.Info[Context, None]
