"""What a mutation makes: a file, what the hub must say of it, and the register of all kinds of mutation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random

from fuzz_goldens import FORMS, Golden, Row, control_bytes, golden, pack

LARGE, SMALL = 24_000, 40


@dataclass(frozen=True)
class Case:
    """A mutated file. *Benign*: exactly `rows` must be read, by line. *Detectable*: the file is refused whole, or
    (unless `whole`) each line of `bad` is named by a reject, of the field `field` where that is known, and `rows` are
    all that is read beside it. `control` None: it comes without a control file; `sums`: its control file holds a sum.
    """

    form: str
    data: bytes
    rows: dict[int, Row]
    bad: frozenset[int] = frozenset()
    field: str | None = None
    whole: bool = False
    control: bytes | None = None
    sums: bool = False
    kind: str = ""

    @property
    def detectable(self) -> bool:
        return self.whole or bool(self.bad)


Mutation = Callable[[Golden, Random], "Case | None"]
MUTATIONS: dict[str, tuple[frozenset[str], Mutation]] = {}
TEXT = ("csv-1252", "csv-utf8", "csv-bare", "fixed", "json")
CSV = ("csv-1252", "csv-utf8", "csv-bare")
QUOTED = ("csv-1252", "csv-utf8")
PLAIN = (*TEXT, "xml")


def mutation(kind: str, *forms: str) -> Callable[[Mutation], Mutation]:
    """Register a kind of mutation for some forms. It gives None where this golden file does not lend itself to it."""

    def register(make: Mutation) -> Mutation:
        if kind in MUTATIONS:
            raise ValueError(f"{kind} is registered twice")
        MUTATIONS[kind] = (frozenset(forms or FORMS), make)
        return make

    return register


def case_of(
    gold: Golden,
    data: bytes,
    *,
    rows: dict[int, Row] | None = None,
    bad: Iterable[int] = (),
    field: str | None = None,
    whole: bool = False,
    control: str = "honest",
    count: int | None = None,
) -> Case:
    """A case of unpacked bytes. `control`: "honest" (lines and sum of the good file), "count" (lines only), "none"."""
    said = len(gold.contracts) if count is None else count
    total = gold.total if control == "honest" else None
    return Case(
        form=gold.form.name,
        data=pack(gold.form, data),
        rows=gold.expected if rows is None else rows,
        bad=frozenset(bad),
        field=field,
        whole=whole,
        control=None if control == "none" else control_bytes(gold.form, said, total),
        sums=control == "honest",
    )


def make_case(seed: int, index: int) -> Case:
    """The case number `index` of a seed, the same for ever."""
    rng = Random(f"{seed}/{index}")
    kinds = sorted(MUTATIONS)
    # Every kind in turn, so that none is left to chance; then forms and places by the seed.
    place = index
    while True:
        kind = kinds[place % len(kinds)]
        forms, make = MUTATIONS[kind]
        form = rng.choice(sorted(forms))
        gold = golden(form, LARGE if rng.random() < 0.004 else SMALL, seed)
        made = make(gold, rng)
        if made is not None:
            return replace(made, kind=kind)
        place = rng.randrange(len(kinds))
