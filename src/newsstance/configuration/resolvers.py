"""OmegaConf resolvers that the configs use."""

from __future__ import annotations

from omegaconf import OmegaConf

from newsstance.commands.table import COMMANDS
from newsstance.resources import data_dir, user_data_dir


def register() -> None:
    """Make the resolvers available in every config.

    ``${shipped:PATH}``: a path inside the shipped data; ``${user_data:PATH}``: one inside the data that a user fetched;
    ``${command_name:CONFIG}`` and ``${command_examples:CONFIG}``: the words and the help examples of a command.
    """
    by_config = {command.config_name: command for command in COMMANDS}
    resolvers = {
        "shipped": lambda path: str(data_dir() / path),
        "user_data": lambda path: str(user_data_dir() / path),
        "command_name": lambda config_name: by_config[config_name].name,
        "command_examples": lambda config_name: "\n".join(f"  {line}" for line in by_config[config_name].examples),
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)
