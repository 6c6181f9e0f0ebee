"""The entry point ``newsstance COMMAND [Hydra overrides]``."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence

from newsstance.commands.table import COMMANDS, Command, find_command
from newsstance.version import VERSION

EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words behind ``newsstance``; None for the command line's.

    Returns:
        0 on success, 1 where a gate did not pass, 2 on input that cannot be used, 3 where records of it were rejected.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(overview())
        return EXIT_OK
    if words[0] in {"-V", "--version"}:
        print(f"newsstance {VERSION}")
        return EXIT_OK
    if words[0] in {"-sc", "--shell-completion"}:
        from newsstance.commands.completion import complete

        return complete(words[1:])
    if words[0] == "corpus" and (len(words) == 1 or words[1] in {"-h", "--help"}):
        print(overview("corpus "))
        return EXIT_OK
    command, rest = find_command(words)
    if command is None:
        return _unknown_command(words)
    return _run(command, rest)


def overview(start: str = "") -> str:
    """The text of ``newsstance --help``; of the commands only those whose names start with ``start``."""
    shown = [command for command in COMMANDS if command.name.startswith(start)]
    width = max(len(command.name) for command in shown)
    lines = [f"  {command.name:<{width}}  {command.summary}" for command in shown]
    return "\n".join(
        [
            "usage: newsstance COMMAND [key=value ...]",
            "",
            "Finds acknowledgements, denials and third-party skepticism in the sentences of news articles.",
            "",
            "commands:",
            *lines,
            "",
            "newsstance COMMAND --help    its keys, config groups and examples",
            "newsstance -sc install=bash  shell completion (bash, zsh, fish)",
        ]
    )


def _unknown_command(words: list[str]) -> int:
    names = [command.name for command in COMMANDS]
    typed = " ".join(words[:2]) if words[0] == "corpus" else words[0]
    close = difflib.get_close_matches(typed, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"commands: {', '.join(names)}"
    print(f"newsstance: unknown command {typed!r}; {hint}", file=sys.stderr)
    return EXIT_BAD_INPUT


def _run(command: Command, arguments: list[str]) -> int:
    from newsstance.commands.hydra_app import run_hydra_app
    from newsstance.commands.messages import one_line

    try:
        run_hydra_app(command, arguments)
    except SystemExit as stop:  # Hydra's --help ends so
        return stop.code if isinstance(stop.code, int) else EXIT_OK
    except KeyboardInterrupt:
        print(f"newsstance {command.name}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our stdout has gone, e.g. ``| head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        explained = one_line(error)
        if explained is None or os.environ.get("NEWSSTANCE_DEBUG"):
            raise
        message, code = explained
        print(f"newsstance {command.name}: {message}", file=sys.stderr)
        return code
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
