"""From the config that Hydra composed to the typed config that a command works with."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from newsstance.configuration.groups import GROUPS
from newsstance.errors import InputError

Config = TypeVar("Config")


def to_typed(config: DictConfig, schema: type[Config]) -> Config:
    """Check ``config`` against ``schema`` and turn it into an instance of it.

    Raises:
        InputError: On an unknown key, a value of the wrong type, or a value that must be given and is not.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), _without_foreign_groups(config, schema))
        return cast(Config, OmegaConf.to_object(merged))
    except MissingMandatoryValue as error:
        key = error.full_key or "a value"
        raise InputError(f"{key} must be given: add {_short_key(str(key))}=VALUE to the command") from error
    except OmegaConfBaseException as error:
        raise InputError(describe(error)) from error


def _without_foreign_groups(config: DictConfig, schema: type[Any]) -> DictConfig:
    """``config`` without the groups that the command does not have: an experiment pins more than each command uses."""
    foreign = set(GROUPS) - set(schema.__dataclass_fields__)
    return OmegaConf.masked_copy(config, [str(key) for key in config if key not in foreign])


def describe(error: BaseException) -> str:
    """One line for an error of Hydra or OmegaConf: what is wrong, and with which key."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    noise = ("object_type=", "reference_type=", "Set the environment variable", "full_key:")
    text = " ".join(line for line in lines if not line.startswith(noise))
    key = getattr(error, "full_key", None)
    return f"{key}: {text}" if key and str(key) not in text else text


def to_plain(config: Any) -> dict[str, Any]:
    """A typed config as plain dicts, lists and strings (enums by name), for YAML, JSON and hashing."""
    plain = OmegaConf.to_container(OmegaConf.structured(config), resolve=True, enum_to_str=True)
    return cast(dict[str, Any], plain)


def _short_key(key: str) -> str:
    group, _, field = key.rpartition(".")
    return group if field in {"paths", "name", "path"} else key
