"""Everything wrong with a landlord's file, told together, each with its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from hub.config.lines import Path, TomlLines
from hub.errors import SettingsError, SetupError, Where


class LandlordFileError(SettingsError):
    """A landlord's file cannot be taken over; `problems` says all that is wrong with it."""

    def __init__(self, file: str, problems: Sequence[SetupError]) -> None:
        many = f"{len(problems)} things are wrong" if len(problems) != 1 else "one thing is wrong"
        landlord = next((f" ({one.where.landlord})" for one in problems if one.where.landlord), "")
        super().__init__("\n".join([f"{file}{landlord}: {many}", *map(_told, problems)]))
        self.problems = tuple(problems)


def _told(problem: SetupError) -> str:
    """A problem below the line that names the file and the landlord."""
    place = str(replace(problem.where, landlord=None, file=None))
    todo = f"\n      → {problem.hint}" if problem.hint else ""
    return f"  {place}{': ' if place else ''}{problem.message}{todo}"


@dataclass(frozen=True, slots=True)
class Spot:
    """A landlord's file, as far as messages need it."""

    file: str
    lines: TomlLines
    landlord: str | None = None

    def where(self, path: Path) -> Where:
        """The place of a key."""
        feed = str(path[1]) if path[:1] == ("feeds",) and len(path) > 1 else None
        field = ".".join(map(str, path[2:] if feed else path))
        return Where(self.landlord, feed, self.file, self.lines.find(path), field or None)

    def problem(self, path: Path, message: str, hint: str = "") -> SettingsError:
        return SettingsError(message, hint=hint, where=self.where(path))

    def invalid(self, path: Path, model: type[BaseModel], error: ValidationError) -> list[SettingsError]:
        """What pydantic found, in words for the person who wrote the file. Never the value: it may be a secret."""
        return [self._found(path, model, dict(one)) for one in error.errors(include_input=False, include_url=False)]

    def _found(self, path: Path, model: type[BaseModel], found: dict[str, Any]) -> SettingsError:
        loc: Path = found["loc"]
        name = str(loc[-1]) if loc else ""
        parent = _model_at(model, loc[:-1])
        fields = parent.model_fields if parent else {}
        match found["type"]:
            case "missing":
                return self.problem((*path, *loc), f"{name} is missing", _help(fields.get(name)))
            case "extra_forbidden":
                return self.problem((*path, *loc), f'unknown setting "{name}"', nearest(name, list(fields)))
        return self.problem((*path, *loc), found["msg"].removeprefix("Value error, "), _help(fields.get(name)))


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint: the closest of the known names, or all of them."""
    near = get_close_matches(name, known, 1)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known are {', '.join(known)}" if known else ""


def parts_of(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without None, `Annotated` and unions."""
    if get_origin(annotation) is Annotated:
        return parts_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [part for arg in get_args(annotation) if arg is not type(None) for part in parts_of(arg)]
    return [annotation]


def _model_at(model: type[BaseModel] | None, loc: Path) -> type[BaseModel] | None:
    """The model a nested key belongs to, if it is plain to see."""
    annotation: Any = model
    for step in loc:
        inside = [found for part in parts_of(annotation) for found in _inside(part, step)]
        if not inside:
            return None
        annotation = inside[0]
    return next((part for part in parts_of(annotation) if is_model(part)), None)


def _inside(part: Any, step: str | int) -> list[Any]:
    if is_model(part):
        info = part.model_fields.get(str(step))
        return [info.annotation] if info else []
    return list(get_args(part)[-1:] if get_origin(part) is dict else get_args(part)[:1])


def is_model(part: Any) -> bool:
    """Whether an annotation is a pydantic model."""
    return isinstance(part, type) and issubclass(part, BaseModel)


def _help(info: FieldInfo | None) -> str:
    """What the plugin's author says of a setting."""
    if info is None or not info.description:
        return ""
    example = f" (for example {info.examples[0]})" if info.examples else ""
    return f"{info.description}{example}"
