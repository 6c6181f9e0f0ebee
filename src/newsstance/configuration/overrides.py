"""Short forms of the command line: ``corpus=my.jsonl``, ``encoder=org/name``, ``output=folder``.

A key such as ``corpus`` is a Hydra config group, so that ``corpus=invented`` picks a config. A value that is no config
of the group is taken as the path or name that the group is about (see `newsstance.configuration.keys.shorthand`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString
from hydra.errors import HydraException

from newsstance.configuration.groups import GROUPS
from newsstance.configuration.keys import shorthand, takes_any_key, text_keys
from newsstance.errors import InputError
from newsstance.resources import configs_dir

_FLAGS_WITH_VALUE = ("--config-dir", "-cd", "--config-name", "-cn", "--package", "-p", "--cfg", "-c")


def expand_shorthands(arguments: Sequence[str], schema: type[Any], config_dirs: Sequence[Path] = ()) -> list[str]:
    """Rewrite each ``group=VALUE`` whose VALUE is no config of the group into the group's own field.

    Args:
        arguments: Command line of one command: Hydra flags and overrides.
        schema: The command's config class.
        config_dirs: Folders of user configs that the command line adds with ``--config-dir``.

    Returns:
        The command line that Hydra understands.

    Raises:
        InputError: Where a sweep mixes config names and paths, or a value cannot be parsed.
    """
    expanded: list[str] = []
    for typed in _gather_positional(arguments, getattr(schema, "POSITIONAL", None)):
        argument = typed.replace("from=", "source=", 1) if typed.startswith("from=") else typed  # ``from`` is a keyword
        key, separator, text = argument.partition("=")
        _refuse_group(key.lstrip("+"), text, schema)
        field = shorthand(schema, key) if separator else None
        if field is not None:
            expanded += _expand(argument, key, field, [configs_dir(), *config_dirs])
        else:
            readable = _in_grammar(argument, is_text=key in text_keys(schema))
            expanded.append(f"++{readable}" if takes_any_key(schema, key) else readable)
    return expanded


def _refuse_group(key: str, text: str, schema: type[Any]) -> None:
    """Raise `InputError` on a config group that the command does not have, or that is to be none."""
    if key not in GROUPS:
        return
    if key not in schema.__dataclass_fields__:
        own = ", ".join(group for group in GROUPS if group in schema.__dataclass_fields__)
        raise InputError(f"{key}={text}: the command has no {key}; its groups are {own or 'none'}")
    if text == "null":
        options = ", ".join(group_options(key, [configs_dir()]))
        raise InputError(f"{key}=null: a config is needed, such as {options}")


def _in_grammar(argument: str, *, is_text: bool) -> str:
    """``argument`` as Hydra can parse it: a text that it cannot, such as a path with a bracket, is quoted.

    Raises:
        InputError: Where it is no text and not in Hydra's grammar; Hydra's own message does not name the argument.
    """
    key, separator, text = argument.partition("=")
    if not separator or argument.startswith("-"):
        return argument
    try:
        override = OverridesParser.create().parse_override(argument)
    except HydraException as error:
        if is_text:
            return f"{key}={_quote(text)}"
        raise InputError(f"{argument}: not a value that can be read ({str(error).splitlines()[0]})") from error
    return f"{key}={_as_typed(text, override.value())}" if is_text else argument


def _as_typed(text: str, value: Any) -> str:
    """``text``, quoted where it would not be taken as it was typed: ``2024_05`` is a folder and no number."""
    if isinstance(value, ChoiceSweep):
        items = text.split(",")
        if not value.list or len(items) != len(value.list):
            return text
        return ",".join(map(_as_typed, items, value.list))
    is_changed = isinstance(value, (bool, int, float)) or (isinstance(value, str) and text != text.strip())
    return _quote(text) if is_changed else text


def _gather_positional(arguments: Sequence[str], key: str | None) -> list[str]:
    """``A B`` as ``key=[A,B]``, where ``key`` is the one that takes the words without "=" (``compare RUN RUN``)."""
    if key is None:
        return list(arguments)
    rest: list[str] = []
    words: list[str] = []
    for previous, argument in zip(["", *arguments], arguments, strict=False):
        is_word = "=" not in argument and not argument.startswith("-") and previous not in _FLAGS_WITH_VALUE
        (words if is_word else rest).append(argument)
    return [*rest, f"{key}=[{','.join(map(_quote, words))}]"] if words else rest


def group_options(group: str, config_dirs: Sequence[Path]) -> list[str]:
    """Names of the configs in ``group``, sorted."""
    return sorted({path.stem for folder in config_dirs for path in (folder / group).glob("*.yaml")})


def _expand(argument: str, key: str, field: str, config_dirs: Sequence[Path]) -> list[str]:
    override = _parse(argument)
    if override is None or not isinstance(override.value(), (str, QuotedString, int, float, ChoiceSweep, list)):
        return [argument]
    value = override.value()
    options = group_options(key, config_dirs)
    values = value.list if isinstance(value, ChoiceSweep) else value if isinstance(value, list) else [value]
    assert values is not None
    named = [str(item) in options for item in values]
    if options and all(named) and not isinstance(value, list):
        return [argument]
    if any(named):
        problem = f"{argument}: mixes configs ({', '.join(options)}) with paths"
        raise InputError(f"{problem}; sweep over one kind, or write {key}.{field}=...")
    custom = [f"{key}=custom"] if "custom" in options else []
    return [*custom, f"{key}.{field}={_value_text(argument, value, is_list=field == 'paths')}"]


def _parse(argument: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:  # not in Hydra's grammar, e.g. a path with a blank: taken literally below
        key, _, text = argument.partition("=")
        return OverridesParser.create().parse_override(f"{key}={_quote(text)}") if text else None


def _value_text(argument: str, value: Any, *, is_list: bool) -> str:
    if isinstance(value, ChoiceSweep):
        assert value.list is not None
        return ",".join(f"[{_quote(str(item))}]" if is_list else _quote(str(item)) for item in value.list)
    if isinstance(value, list):
        return "[" + ",".join(_quote(str(item)) for item in value) + "]"
    text = value.text if isinstance(value, QuotedString) else argument.partition("=")[2]
    return f"[{_quote(text)}]" if is_list else _quote(text)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'") if "'" in text else text
    return f"'{escaped}'"
