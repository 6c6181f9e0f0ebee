"""OmegaConf resolvers that the configs use."""

from __future__ import annotations

from omegaconf import OmegaConf

from newsstance.commands.table import COMMANDS
from newsstance.configuration import commands
from newsstance.configuration.groups import GROUPS
from newsstance.configuration.overrides import group_options
from newsstance.resources import configs_dir, data_dir, user_data_dir


def register() -> None:
    """Make the resolvers available in every config.

    ``${shipped:PATH}``: a path inside the shipped data; ``${user_data:PATH}``: one inside the data that a user fetched;
    ``${command_name:CONFIG}``, ``${command_groups:CONFIG}`` and ``${command_examples:CONFIG}``: the words of a command,
    its config groups with their configs, and its help examples.
    """
    by_config = {command.config_name: command for command in COMMANDS}
    resolvers = {
        "shipped": lambda path: str(data_dir() / path),
        "user_data": lambda path: str(user_data_dir() / path),
        "command_name": lambda config_name: by_config[config_name].name,
        "command_groups": lambda config_name: _groups(by_config[config_name].schema),
        "command_examples": lambda config_name: "\n".join(f"  {line}" for line in by_config[config_name].examples),
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def _groups(schema: str) -> str:
    fields = getattr(commands, schema).__dataclass_fields__
    groups = {group: group_options(group, [configs_dir()]) for group in (*GROUPS, "experiment")}
    own = {group: configs for group, configs in groups.items() if group in fields or group == "experiment"}
    return "\n".join(f"{group}: {', '.join(configs)}" for group, configs in sorted(own.items()))
