"""Arguments that are XML (`xsd:any`): written in the landlord's file as text, filled with escaped values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from erp_connectors.template import Lookup, fill
from hub.errors import InputRefusedError
from hub.wire import parse_small

_QUOTES = {'"': "&quot;", "'": "&apos;"}


def filled(template: Mapping[str, Any], look_up: Lookup) -> dict[str, Any]:
    """As `fill`; what is XML becomes an element for zeep."""
    return {name: value for name, one in template.items() if (value := _filled(one, look_up)) is not None}


def check_xml(template: Any) -> None:
    """Raises ValueError for XML that cannot be read once its placeholders are filled."""
    if is_xml(template):
        try:
            _element(template["xml"], lambda name, spec: "0")
        except InputRefusedError as error:
            raise ValueError(f"{error.message}: {template['xml'][:60]!r}") from None
    elif isinstance(template, Mapping):
        for one in template.values():
            check_xml(one)


def is_xml(template: Any) -> bool:
    return isinstance(template, Mapping) and set(template) == {"xml"} and isinstance(template["xml"], str)


def _filled(template: Any, look_up: Lookup) -> Any:
    if is_xml(template):
        return {"_value_1": _element(template["xml"], look_up)}
    if isinstance(template, Mapping):
        return filled(template, look_up)
    return fill(template, look_up)


def _element(text: str, look_up: Lookup) -> etree._Element:
    written = fill(f"\n{text}", lambda name, spec: _escaped(look_up(name, spec)))
    return parse_small(written.strip().encode(), what="an argument of XML")


def _escaped(value: Any) -> Any:
    return escape(value, _QUOTES) if isinstance(value, str) else value
