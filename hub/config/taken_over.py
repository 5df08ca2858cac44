"""Stored settings meet another version of their plugin: older ones are migrated in memory, newer ones refused."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from hub.errors import HubError, SettingsError, Where
from hub.ports import PluginSettings


def taken_over(
    model: type[PluginSettings], settings: Mapping[str, Any], stored: int, *, what: str, where: Where
) -> dict[str, Any]:
    """Settings of schema version `stored`, as the installed plugin means them. Raises SettingsError."""
    known = model.schema_version
    if stored == known:
        return dict(settings)
    if stored > known:
        raise SettingsError(
            f"{what}: its stored settings are of version {stored}, and the installed plugin knows up to {known}",
            hint="install the plugin's newer version again, or apply a file written for this one",
            where=where,
        )
    try:
        migrated: object = model.migrate(_copied(settings), stored)
    except HubError as error:
        raise error.at(landlord=where.landlord, feed=where.feed) from None
    except Exception as error:  # noqa: BLE001  # a stranger's code; its text may hold a setting's value
        raise _failed(what, stored, known, type(error).__name__, where) from None
    if not isinstance(migrated, dict):
        raise _failed(what, stored, known, f"it gave a {type(migrated).__name__}", where)
    return migrated


def _failed(what: str, stored: int, known: int, how: str, where: Where) -> SettingsError:
    return SettingsError(
        f"{what}: its plugin could not migrate settings of version {stored} to {known}: {how}",
        hint="tell the plugin's author; applying the landlord's file again does without it",
        where=where,
    )


def _copied(value: Any) -> Any:
    """Deep, but for what only a plugin knows (secrets): the stored settings stay as they are."""
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copied(inner) for inner in value]
    return copy(value)
