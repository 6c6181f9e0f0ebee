"""Shell completion: ``newsstance -sc install=bash``.

Hydra completes the keys of one app; here the command word comes first, so it is taken out of the line before Hydra's
completion of that command sees it.
"""

from __future__ import annotations

import os
import sys

from newsstance.commands.table import COMMANDS, Command, find_command


def complete(arguments: list[str]) -> int:
    """Answer ``-sc install=SHELL``, ``uninstall=SHELL`` or ``query=SHELL`` (which the shell asks for each completion).

    Returns:
        The exit code.
    """
    request = arguments[0] if arguments else ""
    action, _, shell = request.partition("=")
    if action not in {"install", "uninstall", "query"} or shell not in {"bash", "zsh", "fish"}:
        print(
            'usage: eval "$(newsstance -sc install=bash)"   (or zsh, fish; uninstall=bash takes it back)',
            file=sys.stderr,
        )
        return 2
    if action == "query":
        words = os.environ.get("COMP_LINE", "").split(" ")[1:]
        command, rest = find_command(words)
        if command is None or not rest:
            print(" ".join(_command_words(words)))
            return 0
        os.environ["COMP_LINE"] = " ".join(["newsstance", *rest])
        return _ask_hydra(command, request)
    return _ask_hydra(COMMANDS[0], request)


def _command_words(words: list[str]) -> list[str]:
    """The words that can stand where the line ends."""
    names = [command.name.split() for command in COMMANDS]
    done, typed = words[:-1], words[-1] if words else ""
    nexts = {name[len(done)] for name in names if name[: len(done)] == done and len(name) > len(done)}
    return sorted(word for word in nexts if word.startswith(typed))


def _ask_hydra(command: Command, request: str) -> int:
    import hydra

    from newsstance.configuration import resolvers
    from newsstance.resources import configs_dir

    resolvers.register()
    argv = sys.argv
    sys.argv = ["newsstance", "-sc", request]
    try:
        hydra.main(version_base="1.3", config_path=str(configs_dir()), config_name=command.config_name)(print)()
    finally:
        sys.argv = argv
    return 0
