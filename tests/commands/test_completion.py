"""Shell completion of commands and of their keys."""

import pytest

from newsstance.commands.main import main


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("newsstance tr", ["train"]),
        ("newsstance corpus ", ["describe", "fetch", "split", "validate", "variants"]),
        ("newsstance train trainer=q", ["trainer=quickstart"]),
        ("newsstance train trainer.epo", ["trainer.epochs="]),
        ("newsstance corpus validate near", ["near_duplicate="]),
    ],
)
def test_what_the_shell_is_offered(line, expected, monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out.split() == expected


def test_the_script_to_install_registers_newsstance(capsys):
    assert main(["-sc", "install=bash"]) == 0
    assert "complete -o nospace -o default -F hydra_bash_completion newsstance" in capsys.readouterr().out


def test_another_shell_is_refused(capsys):
    assert main(["-sc", "install=cmd"]) == 2
    assert "usage" in capsys.readouterr().err
