"""What every thing with an id of its own has in common."""

from __future__ import annotations

import strawberry


@strawberry.interface(description="A thing that can be asked for again by its id.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque, stable for as long as the hub knows the thing.")
