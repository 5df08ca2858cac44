"""What a header's names mean: other names for a column, small differences in spelling, columns a file may lack."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

_BETWEEN_WORDS = re.compile(r"[\W_]+")


def folded(name: str) -> str:
    """A name without case, accents and what stands between its words: `N° Contrat` and `n_contrat` are one."""
    bare = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return _BETWEEN_WORDS.sub("_", bare.casefold()).strip("_")


@dataclass(frozen=True)
class HeaderNames:
    """`aliases`: column → other names it may stand under, compared as `folded`; `optional`: columns that may be absent.

    A name that is nobody's stays as it is written.
    """

    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    optional: Sequence[str] = ()

    def understood(self, names: Sequence[str]) -> list[str]:
        """The header's names, those known under another one by their own."""
        return [self._known.get(folded(name), name) for name in names]

    def absent(self, names: Iterable[str]) -> list[str]:
        """The optional columns that are not there."""
        held = set(names)
        return [name for name in self.optional if name not in held]

    @cached_property
    def _known(self) -> dict[str, str]:
        known = [*self.aliases, *(name for name in self.optional if name not in self.aliases)]
        if not known:
            return {}
        pairs = [(folded(other), name) for name in known for other in self.aliases.get(name, ())]
        return dict(pairs) | {folded(name): name for name in known}
