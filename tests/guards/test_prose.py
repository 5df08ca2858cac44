"""Prose that fails when it falls behind the code."""

import inspect
import re
from pathlib import Path

import hub.errors
import hub.hookspecs
from hub.errors import HubError

ROOT = Path(__file__).parents[2]


def test_the_drawn_error_tree_names_every_error() -> None:
    drawn = set(re.findall(r"\b\w+Error\b", hub.errors.__doc__ or ""))
    things = vars(hub.errors).items()
    defined = {name for name, thing in things if inspect.isclass(thing) and issubclass(thing, HubError)}

    assert drawn == defined


def test_error_codes_are_unique() -> None:
    codes = [
        thing.code for thing in vars(hub.errors).values() if inspect.isclass(thing) and issubclass(thing, HubError)
    ]

    assert len(codes) == len(set(codes))


def test_every_hook_has_a_heading_in_the_plugin_guide() -> None:
    guide = (ROOT / "docs" / "plugins.md").read_text()
    hooks = [name for name, thing in vars(hub.hookspecs).items() if getattr(thing, "housing_hub_spec", None)]

    assert hooks
    assert [] == [name for name in hooks if f"### `{name}" not in guide]


def test_every_exit_code_is_documented() -> None:
    from hub.cli.exits import Exit

    guide = (ROOT / "docs" / "operations.md").read_text()

    assert [] == [code for code in Exit if f"| {code.value} |" not in guide]


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)\b", (ROOT / "README.md").read_text()))

    assert named <= targets
