"""The declarative mapping language: a landlord's source fields to canonical fields, compiled to whole columns."""

from hub.mapping.compiler import compile_mapping, try_mapping
from hub.mapping.mapper import Mapper

__all__ = ["Mapper", "compile_mapping", "try_mapping"]
