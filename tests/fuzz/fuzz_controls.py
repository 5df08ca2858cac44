"""Mutations of control files: what they say is not what the file holds, or they cannot be read."""

from __future__ import annotations

import codecs
from dataclasses import replace
from decimal import Decimal
from random import Random

from fuzz_cases import Case, case_of, mutation
from fuzz_goldens import NAME, Golden, control_bytes


def _with(gold: Golden, control: bytes, *, whole: bool = True) -> Case:
    return replace(case_of(gold, gold.content, whole=whole, rows={} if whole else None), control=control)


@mutation("control file: another count")
def _count(gold: Golden, rng: Random) -> Case:
    real = len(gold.contracts)
    count = rng.choice((0, real - 1, real + 1, real * 2, -real, 10**30, f"{real},5", f"{real}.7", f"{real}00"))
    return _with(gold, control_bytes(gold.form, count, gold.total))


@mutation("control file: another sum")
def _sum(gold: Golden, rng: Random) -> Case:
    off = Decimal(rng.choice(("0.01", "-0.01", "100", "-1000000", "1e25")))
    return _with(gold, control_bytes(gold.form, len(gold.contracts), f"{gold.total + off:f}"))


@mutation("control file: of another file")
def _another(gold: Golden, rng: Random) -> Case:
    good = control_bytes(gold.form, len(gold.contracts), gold.total).decode()
    other = rng.choice(("F_20261119.csv", "F_20261120.CSV.bak", "G_20261120.csv", "", "../F_20261120"))
    return _with(gold, good.replace(f"{NAME}.{gold.form.suffix}", other).encode())


@mutation("control file: not readable")
def _unreadable(gold: Golden, rng: Random) -> Case:
    good = control_bytes(gold.form, len(gold.contracts), gold.total)
    bad = rng.choice(
        (
            b"",
            b"\r\n",
            good[: good.index(b"=") + 1],
            good.replace(b"LIGNES=", b"LIGNES "),
            good.replace(b"LIGNES", b"NB_LIGNES"),
            good.replace(b"LIGNES=", b"LIGNES=douze"),
            good + b"LIGNES=1\r\n",
            good.decode().encode("utf-16"),
            bytes(range(256)) * 4,
            b"\x81\x8d\x8f",
            b"x" * 300_000,
            good.replace(b"DEPOT", b"DEPOTS"),
            b"=" * 60_000,
            b" " * 60_000 + b"=",
        )
    )
    return _with(gold, bad)


@mutation("control file: written in another way")
def _otherwise(gold: Golden, rng: Random) -> Case:
    count, total = len(gold.contracts), f"{gold.total:.2f}"
    sign = gold.form.decimal
    good = control_bytes(gold.form, count, total).decode()
    whole, _, cents = total.partition(".")
    spaced = f"{int(whole):,}".replace(",", "\u00a0") + sign + cents
    same = rng.choice(
        (
            good.replace("\r\n", "\n"),
            good.replace("=", " = "),
            good.replace("=", ":"),
            good.replace("=", ";"),
            "# contrôle\r\n" + good,
            good + "FIN",
            good + good,
            good.replace(f"DEPOT={total.replace('.', sign)}", f"DEPOT={spaced}"),
            good.replace(f"LIGNES={count}", f"LIGNES=+{count}"),
            good.replace(f"LIGNES={count}", f"LIGNES=000{count}"),
        )
    )
    return _with(gold, same.encode("cp1252"), whole=False)


@mutation("control file: with a UTF-8 mark")
def _mark(gold: Golden, rng: Random) -> Case:
    good = control_bytes(gold.form, len(gold.contracts), gold.total)
    if rng.random() < 0.5:
        name, _, rest = good.partition(b"\r\n")
        good = rest + name  # the count comes first then
    return _with(gold, codecs.BOM_UTF8 + good, whole=False)
