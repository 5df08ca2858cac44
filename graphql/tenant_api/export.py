"""`python -m tenant_api.export [--check]`: write the schema front-end teams rely on, or compare it with the code."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from graphql import lexicographic_sort_schema, print_schema

from tenant_api.schema import SCHEMA

COMMITTED: Final = Path(__file__).parent.parent / "schema.graphql"
_HEADER: Final = "# Written by `python -m tenant_api.export`: change the code, then run it again.\n\n"


def schema_text() -> str:
    """The schema in its own language, sorted, so that a change shows as what it is."""
    return _HEADER + print_schema(lexicographic_sort_schema(SCHEMA._schema)) + "\n"


def main(arguments: Sequence[str], committed: Path = COMMITTED) -> int:
    """0 when written or equal, 1 when `--check` finds a difference."""
    text = schema_text()
    if "--check" not in arguments:
        committed.write_text(text, encoding="utf-8")
        return 0
    held = committed.read_text(encoding="utf-8") if committed.exists() else ""
    if held == text:
        return 0
    lines = difflib.unified_diff(held.splitlines(True), text.splitlines(True), "committed", "code", n=2)
    sys.stderr.writelines(lines)
    sys.stderr.write(f"{committed.name} differs from the code: run python -m tenant_api.export\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
