"""What the keys of a config class take: texts, any key of a mapping, a short form."""

from __future__ import annotations

from typing import Any


def text_keys(schema: type[Any]) -> set[str]:
    """The keys of ``schema`` itself that take a text, such as ``input`` and ``model``."""
    return {name for name, declared in schema.__dataclass_fields__.items() if str(declared.type).startswith("str")}


def takes_any_key(schema: type[Any], key: str) -> bool:
    """Whether ``key`` (``corpus.columns``, ``corpus.columns.text``) is or lies in a mapping whose keys users choose."""
    group: Any = schema
    for part in key.split("."):
        annotated = getattr(group, "__dataclass_fields__", {}).get(part)
        group = annotated.default_factory if annotated is not None else None
        if group is dict:
            return True
    return False


def shorthand(schema: type[Any], key: str) -> str | None:
    """The field that ``key=VALUE`` is short for, where ``key`` is a group of ``schema`` that has one."""
    annotated = schema.__dataclass_fields__.get(key)
    if annotated is None or not callable(annotated.default_factory):
        return None
    return getattr(annotated.default_factory, "SHORTHAND", None)
