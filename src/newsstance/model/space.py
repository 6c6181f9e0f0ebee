"""The space of a search: which values the keys of ``trainer`` may get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, cast, get_args, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from newsstance.configuration.groups import RangeConfig, TrainerConfig
from newsstance.configuration.typed import describe
from newsstance.errors import InputError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial

Space = Mapping[str, RangeConfig | None]


def check_space(space: Space, recipe: TrainerConfig) -> None:
    """See that each key is one of ``recipe`` and each of its values one that it takes.

    Raises:
        InputError: Otherwise, or where nothing is left to search for.
    """
    known = [field.name for field in fields(recipe)]
    for key, values in space.items():
        if key not in known:
            raise InputError(f"hparams_search.space.{key}: trainer has no such key; it has {', '.join(known)}")
        if values is not None:
            _check_range(key, values, recipe)
    if not any(space.values()):
        raise InputError("hparams_search.space: is empty, there is nothing to search for")


def _check_range(key: str, values: RangeConfig, recipe: TrainerConfig) -> None:
    place = f"hparams_search.space.{key}"
    if bool(values.choices) == (values.low is not None or values.high is not None):
        raise InputError(f"{place}: needs either choices, or low and high")
    if not values.choices:
        if values.low is None or values.high is None or values.low > values.high:
            raise InputError(f"{place}: needs low and high, low not above high")
        if values.log and values.low <= 0:
            raise InputError(f"{place}: low must be above 0 where log is true")
    for value in values.choices or [values.low]:
        with_values(recipe, {key: _as_taken(key, value)})


def suggest(trial: Trial, space: Space, recipe: TrainerConfig) -> TrainerConfig:
    """``recipe`` with the values that ``trial`` gets."""
    return with_values(recipe, {key: _draw(trial, key, d) for key, d in _distributions(space).items()})


def _draw(trial: Trial, key: str, distribution: BaseDistribution) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(key, distribution.low, distribution.high, log=distribution.log)
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(key, distribution.low, distribution.high, log=distribution.log)


def default_values(space: Space, recipe: TrainerConfig) -> dict[str, Any]:
    """The values of ``recipe`` itself, of those keys whose range holds them."""
    values = {}
    for key, distribution in _distributions(space).items():
        value = getattr(recipe, key)
        if _holds(distribution, value):
            values[key] = value
    return values


def _holds(distribution: Any, value: Any) -> bool:
    choices = getattr(distribution, "choices", None)
    if choices:
        return value in choices
    return value is not None and distribution.low <= value <= distribution.high


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for key, values in space.items():
        if values is None:
            continue
        if values.choices:
            found[key] = CategoricalDistribution([_as_taken(key, value) for value in values.choices])
        elif _takes(key) is int:
            found[key] = IntDistribution(int(values.low or 0), int(values.high or 0), log=values.log)
        else:
            found[key] = FloatDistribution(values.low or 0.0, values.high or 0.0, log=values.log)
    return found


def _as_taken(key: str, value: Any) -> Any:
    """``value`` in the type of the key: 2 for epochs is 2.0."""
    taken = _takes(key)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return taken(value) if taken in {int, float} and is_number else value


def _takes(key: str) -> Any:
    """The type of a key of ``trainer``, also of one that may be null."""
    declared = get_type_hints(TrainerConfig)[key]
    return next((kind for kind in get_args(declared) if kind is not type(None)), declared)


def with_values(recipe: TrainerConfig, values: Mapping[str, Any]) -> TrainerConfig:
    """``recipe`` with other ``values`` of some keys, checked against their types.

    Raises:
        InputError: On a value that a key does not take.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(recipe), dict(values))
    except OmegaConfBaseException as error:
        raise InputError(f"hparams_search.space: {describe(error)}") from error
    return cast(TrainerConfig, OmegaConf.to_object(merged))
