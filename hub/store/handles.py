"""What other rooms may hold of the database without knowing SQL: a connection, an engine, its errors."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError as StoreError
from sqlalchemy.ext.asyncio import AsyncConnection as Connection
from sqlalchemy.ext.asyncio import AsyncEngine as Engine

__all__ = ["Connection", "Engine", "StoreError"]
