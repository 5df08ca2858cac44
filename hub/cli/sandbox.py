"""The invented landlords' ERPs: run them, let nights pass, have them misbehave and behave again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.operate import AsJson
from hub.cli.up import DataDir

Landlord = Annotated[str, typer.Argument(help="rives-doise, cite-des-tilleuls or lakeside-homes.", show_default=False)]

Misbehaving = Annotated[
    str, typer.Argument(help="rives-doise, cite-des-tilleuls, lakeside-homes or payments.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add `sandbox`."""
    group = typer.Typer(help="The invented landlords' ERPs, and what can go wrong in them.", no_args_is_help=True)
    app.add_typer(group, name="sandbox")
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True}
    group.command(context_settings=passed_on)(serve)
    group.command()(truth)
    group.command()(bookings)
    group.command()(night)
    group.command()(misbehave)
    group.command()(behave)


def serve(context: typer.Context, data_dir: DataDir = None) -> None:
    """Run the ERPs alone; further options go to `python -m hub.sandbox`."""
    from hub.cli.up import become

    arguments = list(context.args)
    if "--dir" not in arguments:
        arguments += ["--dir", str(_folder(data_dir))]
    become("hub.sandbox", *arguments)


def truth(landlord: Landlord, data_dir: DataDir = None) -> None:
    """What a landlord's ERP holds, counted by itself; misbehaviour does not touch it."""
    from hub.cli.up import become

    become("hub.sandbox", "--dir", str(_folder(data_dir)), "--truth", landlord)


def bookings(landlord: Landlord, json: AsJson = False, data_dir: DataDir = None) -> None:
    """The payments a landlord's ERP was told to book, each as often as it was booked."""
    from dataclasses import asdict

    from hub.cli.output import print_rows
    from hub.sandbox import read_bookings

    rows = [asdict(one) for one in read_bookings(_folder(data_dir)) if one.landlord == landlord]
    columns = ("reference", "kind", "account", "cents", "taken_on", "booked_on", "entry", "batch")
    print_rows(rows, columns, as_json=json, empty="nothing was booked from outside")


def night(
    nights: Annotated[int, typer.Argument(help="How many, one after the other.", min=1, max=400)] = 1,
    data_dir: DataDir = None,
) -> None:
    """Let a night pass at all landlords now."""
    from hub.cli.output import console

    days = _tell(data_dir, {"do": "night", "nights": nights})
    console.print(f"it is {days[-1]} at the landlords'")


def misbehave(
    landlord: Annotated[
        str | None,
        typer.Argument(help="rives-doise, cite-des-tilleuls, lakeside-homes or payments.", show_default=False),
    ] = None,
    what: Annotated[str | None, typer.Argument(help="See --list.", show_default=False)] = None,
    file: Annotated[
        str,
        typer.Argument(
            help="For truncate: how the file's name begins, or an operation; for post-late: nights; payments: shop.",
            show_default=False,
        ),
    ] = "",
    seconds: Annotated[float | None, typer.Option("--for", help="Only for so many seconds.", min=0.1)] = None,
    times: Annotated[int | None, typer.Option(help="Only for so many calls, payments, or nights.", min=1)] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Explain each misbehaviour.")] = False,
    json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Have an ERP, or the payment providers, do something wrong, in the place of what they do wrong now; `behave` ends
    it."""
    from hub.cli.output import console

    if show_list:
        _explain(as_json=json)
    elif landlord is None or what is None:
        _show(data_dir, as_json=json)
    else:
        until = None if seconds is None else time.time() + seconds
        order = {"what": what, "file": file, "times": times, "until": until}
        console.print(_tell(data_dir, {"do": "misbehave", "landlord": landlord, "order": order}), soft_wrap=True)


def behave(landlord: Misbehaving, data_dir: DataDir = None) -> None:
    """Put right what a landlord's ERP, or the payment providers, do wrong: doors, replies, webhooks, and files as they
    should have been."""
    from hub.cli.output import console

    put_back = _tell(data_dir, {"do": "behave", "landlord": landlord})
    files = f"; put back: {', '.join(put_back)}" if put_back else ""
    console.print(f"{landlord} behaves{files}", soft_wrap=True)


def _explain(*, as_json: bool) -> None:
    from hub.cli.output import print_rows
    from hub.sandbox.misbehaviours import MISBEHAVIOURS
    from hub.sandbox.payments.misbehaviours import PAYMENT_MISBEHAVIOURS

    rows = [
        {"what": name, "on the wire": one.wire, "you then see": one.seen, "not for": ", ".join(one.not_for or ())}
        for name, one in MISBEHAVIOURS.items()
    ]
    rows += [
        {"what": name, "on the wire": one.wire, "you then see": one.seen, "not for": "ERPs: say `payments`"}
        for name, one in PAYMENT_MISBEHAVIOURS.items()
    ]
    print_rows(rows, ("what", "not for", "on the wire", "you then see"), as_json=as_json, empty="")


def _show(data_dir: Path | None, *, as_json: bool) -> None:
    from hub.cli.output import print_rows

    orders = _tell(data_dir, {"do": "orders"})
    rows = [{"landlord": landlord, **order} for landlord, order in orders.items()]
    print_rows(rows, ("landlord", "what", "file", "times"), as_json=as_json, empty="all landlords' ERPs behave")


def _tell(data_dir: Path | None, order: dict[str, Any]) -> Any:
    from hub.sandbox.control import tell

    return tell(_folder(data_dir), order)


def _folder(data_dir: Path | None) -> Path:
    return (data_dir or Path(".housing-hub")) / "sandbox"
