"""What the tenant has to do, as it is kept and given to front ends."""

from __future__ import annotations

from typing import Any

from hub.ports.payments import Action, Embedded, Form, Instructions, Redirect


def plain(action: Action) -> dict[str, Any]:
    """The action as JSON."""
    match action:
        case Redirect():
            return {"kind": "redirect", "url": action.url}
        case Form():
            return {"kind": "form", "url": action.url, "fields": dict(action.fields)}
        case Embedded():
            return {
                "kind": "embedded",
                "script_url": action.script_url,
                "token": action.token,
                "public_key": action.public_key,
            }
        case Instructions():
            return {
                "kind": "instructions",
                "title": dict(action.title),
                "text": dict(action.text),
                "reference": action.reference,
                "fields": dict(action.fields),
                "barcode": action.barcode,
                "qr": action.qr,
            }
