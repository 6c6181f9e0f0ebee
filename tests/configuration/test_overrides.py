"""Short forms of the command line."""

import pytest

from newsstance.configuration.commands import CompareConfig, CorpusFetchConfig, PredictConfig, TrainConfig
from newsstance.configuration.overrides import expand_shorthands
from newsstance.errors import InputError


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("corpus=invented", ["corpus=invented"]),
        ("corpus=my.jsonl", ["corpus=custom", "corpus.paths=['my.jsonl']"]),
        ("corpus=../a/b.jsonl", ["corpus=custom", "corpus.paths=['../a/b.jsonl']"]),
        ("corpus=[a.jsonl,b.jsonl]", ["corpus=custom", "corpus.paths=['a.jsonl','b.jsonl']"]),
        ("encoder=minilm", ["encoder=minilm"]),
        ("encoder=org/model", ["encoder=custom", "encoder.name='org/model'"]),
        ("encoder=a/b,c/d", ["encoder=custom", "encoder.name='a/b','c/d'"]),
        ("trainer.epochs=2", ["trainer.epochs=2"]),
        ("seed=1,2", ["seed=1,2"]),
        ("--multirun", ["--multirun"]),
    ],
)
def test_a_value_that_is_no_config_is_a_path_or_name(typed, expected):
    assert expand_shorthands([typed], TrainConfig) == expected


def test_output_is_short_for_its_path():
    assert expand_shorthands(["output=out dir/x.jsonl"], PredictConfig) == ["output.path='out dir/x.jsonl'"]


def test_a_text_that_hydra_cannot_parse_is_taken_literally():
    assert expand_shorthands(["input=my [old] file.txt"], PredictConfig) == ["input='my [old] file.txt'"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("input=2024_05", "input='2024_05'"),
        ("input=1e5", "input='1e5'"),
        ("input=true", "input='true'"),
        ("input= a.txt", "input=' a.txt'"),
        ("input=2023_12,b", "input='2023_12',b"),
        ("input=a.txt", "input=a.txt"),
        ("input='2024'", "input='2024'"),
        ("seed=2_0", "seed=2_0"),
    ],
)
def test_a_text_that_hydra_takes_for_something_else_is_taken_literally(typed, expected):
    assert expand_shorthands([typed], PredictConfig) == [expected]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("corpus=invented", "the command has no corpus; its groups are backend, reader, engine"),
        ("+trainer=debug", "the command has no trainer"),
        ("backend=null", "a config is needed, such as auto"),
    ],
)
def test_groups_that_a_command_does_not_have_and_no_group_are_refused(typed, message):
    with pytest.raises(InputError, match=message):
        expand_shorthands([typed], PredictConfig)


def test_a_sweep_over_configs_and_paths_together_is_refused():
    with pytest.raises(InputError, match="mixes configs"):
        expand_shorthands(["corpus=invented,my.jsonl"], TrainConfig)


def test_a_config_dir_adds_options(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "mine.yaml").write_text("name: mine\n")
    assert expand_shorthands(["corpus=mine"], TrainConfig, [tmp_path]) == ["corpus=mine"]


def test_words_without_a_key_are_the_runs_to_compare():
    assert expand_shorthands(["a", "b"], CompareConfig) == ["runs=['a','b']"]


def test_from_is_where_texts_come_from():
    assert expand_shorthands(["from=folder"], CorpusFetchConfig) == ["source=folder"]
