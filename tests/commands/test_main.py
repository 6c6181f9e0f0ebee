"""The command line: help, errors on one line, exit codes, run folders."""

import errno
import json
import subprocess
import sys

import pytest
import yaml
from hydra.errors import HydraException

from newsstance.commands.main import main
from newsstance.commands.messages import one_line
from newsstance.commands.table import COMMANDS
from newsstance.configuration import commands
from newsstance.configuration.groups import GROUPS
from newsstance.errors import InputError
from newsstance.resources import configs_dir


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def one_line_error(capsys) -> str:
    """What stands on stderr, which must be one line without a traceback."""
    captured = capsys.readouterr().err
    lines = [line for line in captured.splitlines() if line.startswith("newsstance")]
    assert "Traceback" not in captured
    assert len(lines) == 1, captured
    return lines[0]


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(command.name in shown for command in COMMANDS)


def test_help_of_the_corpus_commands_lists_them(capsys):
    assert main(["corpus", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "corpus split" in shown
    assert "predict" not in shown


def test_help_imports_no_heavy_library():
    heavy = {"torch", "transformers", "datasets", "sklearn", "hydra", "spacy"}
    code = (
        "import sys; from newsstance.commands.main import main; main(['--help']); "
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.config_name)
def test_each_command_shows_its_keys_groups_and_examples(command, capsys):
    assert main([*command.name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"usage: newsstance {command.name}" in shown
    own = getattr(commands, command.schema).__dataclass_fields__
    assert [group for group in GROUPS if f"\n{group}: " in shown.partition("Keys")[0]] == [
        group for group in GROUPS if group in own
    ]
    assert command.examples[0] in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tarin"], "did you mean 'train'"),
        (["corpus", "validat"], "did you mean 'corpus validate'"),
        (["train", "trainer.epoch=2"], "trainer.epoch"),
        (["train", "trainer.epochs=many"], "trainer.epochs: Value 'many'"),
        (["train", "trainer=nowhere"], "Could not find 'trainer/nowhere'"),
        (["train", "trainer.epochs=[2"], "trainer.epochs=[2"),
        (["predict"], "input must be given"),
        (["predict", "input=nowhere.txt"], "nowhere.txt"),
        (["train", "corpus=nowhere.jsonl"], "nowhere.jsonl"),
        (["compare"], "runs must be given"),
        (["evaluate", "model=latest"], "newsstance pipeline"),
        (["evaluate", "model=./nowhere"], "no such folder"),
        (["pipeline", "backend=openvino"], "the command has no backend; its groups are corpus, encoder, trainer"),
        (["predict", "--experimental-rerun", "x.pickle"], "pickle"),
        (["export", "format=tflite"], "the formats are onnx"),
        (["predict", "-m", "input=a.txt,b.txt", "output=m.jsonl"], "every run of the grid would write there"),
        (["train", "hydra.run.dir=/dev/null/x"], "/dev/null/x"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_2(words, message, capsys):
    assert main(words) == 2
    assert message in one_line_error(capsys)


def test_200_mb_of_one_line_is_one_line_and_exit_code_2(tmp_path, capsys):
    with (tmp_path / "long.txt").open("wb") as file:
        for _ in range(200):
            file.write(b"word " * 200_000)
    assert main(["predict", "input=long.txt"]) == 2
    (tmp_path / "long.txt").unlink()  # pytest would keep it, of three runs
    assert "long.txt: larger than 64 MB" in one_line_error(capsys)


def test_no_space_left_is_one_line_and_exit_code_2(capsys, monkeypatch):
    from newsstance.commands import corpus_split

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "outputs/train.jsonl")

    monkeypatch.setattr(corpus_split, "run", full)
    assert main(["corpus", "split"]) == 2
    assert "outputs/train.jsonl: no space left on the disk" in one_line_error(capsys)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EIO, "Input/output error", "a.jsonl"), "a.jsonl: Input/output error"),
        (OSError(errno.ESTALE, "Stale file handle"), "newsstance corpus split: Stale file handle"),
        (OSError(errno.ELOOP, "Too many levels of symbolic links", "a"), "a: Too many levels of symbolic links"),
    ],
)
def test_any_error_of_the_system_is_one_line_and_exit_code_2(error, message, capsys, monkeypatch):
    from newsstance.commands import corpus_split

    def fail(*_):
        raise error

    monkeypatch.setattr(corpus_split, "run", fail)
    assert main(["corpus", "split"]) == 2
    assert message in one_line_error(capsys)


def raised(outer, inner, *, as_cause):
    """``outer`` as it is raised while ``inner`` is handled."""
    try:
        try:
            raise inner
        except type(inner) as error:
            if as_cause:
                raise outer from error
            raise outer  # noqa: B904  what it does is the question
    except type(outer) as error:
        return error


def test_what_an_error_wraps_is_told_and_what_it_merely_came_after_is_not():
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "a.jsonl")
    told = ("a.jsonl: no such file or folder", 2)
    assert one_line(raised(TypeError("a bug"), missing, as_cause=False)) is None
    assert one_line(raised(RuntimeError("a library's"), missing, as_cause=True)) == told
    assert one_line(raised(OSError("can't load"), missing, as_cause=False)) == told
    assert one_line(raised(HydraException("can't compose"), InputError("a.yaml: broken"), as_cause=False)) == (
        "a.yaml: broken",
        2,
    )
    hidden = raised(OSError("can't load"), missing, as_cause=False)
    hidden.__suppress_context__ = True
    assert one_line(hidden) is None


def test_an_error_of_our_own_keeps_its_traceback(monkeypatch):
    from newsstance.commands import corpus_split

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(corpus_split, "run", broken)
    with pytest.raises(ZeroDivisionError):
        main(["corpus", "split"])


def test_a_run_leaves_its_config_log_revision_and_versions(tmp_path):
    assert main(["corpus", "split", "seed=5"]) == 0
    (folder,) = tmp_path.glob("outputs/corpus_split/*/*")
    assert yaml.safe_load((folder / "config.yaml").read_text())["seed"] == 5
    facts = json.loads((folder / "run.json").read_text())
    assert facts["command"] == "corpus split"
    assert {"code_revision", "config_hash", "data_hash", "libraries"} <= facts.keys()
    assert facts["libraries"]["torch"]
    assert (folder / "corpus_split.log").exists()


@pytest.mark.parametrize("logging", ["newsstance", "json"])
def test_why_a_run_failed_stands_in_its_log(tmp_path, capsys, logging):
    words = ["predict", "input=nowhere.txt", f"hydra/job_logging={logging}", "hydra.run.dir=run"]
    assert main(words) == 2
    *logged, told = capsys.readouterr().err.splitlines()
    assert told.startswith("newsstance predict: nowhere.txt: no such file")
    (line,) = (tmp_path / "run" / "predict.log").read_text().splitlines()
    assert "ERROR" in line
    assert logged == ([line] if logging == "json" else [])
    if logging == "json":
        assert told.endswith(json.loads(line)["message"])


def test_a_fault_stands_in_the_log_with_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr("newsstance.commands.predict.run", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["predict", "input=x.txt", "hydra/job_logging=json", "hydra.run.dir=run"])
    (line,) = (tmp_path / "run" / "predict.log").read_text().splitlines()
    assert "in <lambda>" in json.loads(line)["error"]


def test_multirun_runs_every_point_and_reports_the_one_that_fails(tmp_path, capsys):
    assert main(["corpus", "split", "--multirun", "corpus.split.seed=1,wrong,2"]) == 2
    assert "corpus.split.seed: Value 'wrong'" in one_line_error(capsys)
    assert len(list(tmp_path.glob("outputs/corpus_split/*/*/*/run.json"))) == 2


def test_an_experiment_may_pin_groups_that_a_command_does_not_have(capsys):
    """debug sets the evaluation too; train has none, and takes the rest."""
    from hydra import compose, initialize_config_dir

    from newsstance.configuration import resolvers
    from newsstance.configuration.commands import PipelineConfig, TrainConfig
    from newsstance.configuration.typed import to_typed

    resolvers.register()
    with initialize_config_dir(str(configs_dir()), version_base="1.3"):
        assert to_typed(compose("train", ["experiment=debug"]), TrainConfig).trainer.max_steps == 6
        assert not to_typed(compose("pipeline", ["experiment=debug"]), PipelineConfig).evaluation.behaviour
    assert main(["train", "evaluation.behaviour=false"]) == 2
    assert "evaluation" in one_line_error(capsys)


def test_a_config_dir_adds_configs_of_ones_own(tmp_path, capsys):
    folder = tmp_path / "mine" / "trainer"
    folder.mkdir(parents=True)
    (folder / "short.yaml").write_text("defaults: [default, _self_]\nepochs: 0.5\n")
    assert main(["train", "--config-dir", str(tmp_path / "mine"), "trainer=short", "--cfg", "job"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["trainer"]["epochs"] == 0.5


def test_every_config_of_every_group_fits_the_schema(capsys):
    """Each option of each group, composed into the first command that has the group, passes the typed check."""
    from hydra import compose, initialize_config_dir

    from newsstance.configuration import commands, resolvers
    from newsstance.configuration.typed import to_typed

    resolvers.register()
    users = {
        "hparams_search": "train",
        "labeller": "label",
        "engine": "predict",
        "reader": "predict",
        "backend": "predict",
        "evaluation": "evaluate",
    }
    with initialize_config_dir(str(configs_dir()), version_base="1.3"):
        for path in sorted(configs_dir().glob("*/*.yaml")):
            group = path.parent.name
            if group in {"hydra"} or path.stem == "custom":
                continue
            command = users.get(group, "pipeline")
            overrides = [f"{group}={path.stem}"]
            overrides += ["input=x"] if command in {"predict", "label"} else []
            config = compose(command, overrides)
            name = next(c.schema for c in COMMANDS if c.config_name == command)
            assert to_typed(config, getattr(commands, name))
