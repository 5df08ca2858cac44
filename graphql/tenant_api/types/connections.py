"""Lists: pages forward by cursor, in the shape Relay made known, and the arguments every list shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, Protocol, TypeVar

import strawberry

from hub.services.paging import Page
from tenant_api import cursors
from tenant_api.cursors import Position

T = TypeVar("T")
R = TypeVar("R", bound="Positioned")

First = Annotated[int, strawberry.argument(description="How many at most, from 1 to 100.")]
After = Annotated[
    str | None, strawberry.argument(description="Go on after this cursor (`endCursor` of the page before).")
]


class Positioned(Protocol):
    """A row that knows its place in its list."""

    @property
    def position(self) -> Position: ...


@strawberry.type(description="Where a page ends, and whether there is more.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is a page after this one.")
    has_previous_page: bool = strawberry.field(description="Whether a cursor was given, so that a page came before.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first item, null for an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last item: give it as `after` to go on.")


@strawberry.type(description="An item of a list with its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="The item's place in its list.")
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[T]):
    nodes: list[T] = strawberry.field(description="The items of the page.")
    edges: list[Edge[T]] = strawberry.field(description="The items of the page, each with its cursor.")
    page_info: PageInfo = strawberry.field(description="Where the page ends, and whether there is more.")


def connect(page: Page[R], build: Callable[[R], T], *, after: str | None) -> Connection[T]:
    """A page of rows as front ends see it. The build of each item is cheap: what it holds is read already."""
    nodes = [build(row) for row in page.items]
    places = [cursors.encode(row.position) for row in page.items]
    return Connection(
        nodes=nodes,
        edges=[Edge(cursor=place, node=node) for place, node in zip(places, nodes, strict=True)],
        page_info=_page_info(places, page.has_next, after),
    )


def _page_info(places: Sequence[str], has_next: bool, after: str | None) -> PageInfo:
    return PageInfo(
        has_next_page=has_next,
        has_previous_page=after is not None,
        start_cursor=places[0] if places else None,
        end_cursor=places[-1] if places else None,
    )
