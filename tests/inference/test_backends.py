"""The backends give torch's scores, ``auto`` takes only what is sound, and the ONNX path starts without torch."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace
from unittest.mock import Mock
from xml.etree import ElementTree

import numpy as np
import pytest

from newsstance import StanceClassifier
from newsstance.commands.main import main
from newsstance.configuration.groups import BackendConfig, Precision
from newsstance.errors import InputError
from newsstance.inference import backends
from newsstance.inference.backends import load_backend, resolve
from newsstance.inference.first_pass import FirstPass
from newsstance.inference.first_pass_training import _network
from newsstance.model import batching, cpu
from newsstance.model.export_record import ExportRecord
from newsstance.resources import data_dir
from newsstance.stances import LABELS

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SENTENCES = [
    "The mill admitted that its boiler had leaked.",
    "No.",
    "   ",
    "“We never opened that letter,” said Mayor Odile Branc, whose office had been accused of losing it on purpose.",
    "The river rose and fell " * 60 + "and the ministry denied it.",
]
AUTO = BackendConfig(name="auto", precision=Precision.auto)


@pytest.fixture(scope="module")
def exported(tiny_model, tmp_path_factory):
    """The tiny model, its labels in another order, with every export that the installed packages can write."""
    folder = tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {"0": LABELS[2], "1": LABELS[0], "2": LABELS[1]}
    config["label2id"] = {label: int(index) for index, label in config["id2label"].items()}
    (folder / "config.json").write_text(json.dumps(config))
    code = (
        "import sys; from newsstance.commands.main import main; from newsstance.inference import first_pass_training; "
        "first_pass_training.FEWEST_LABELLED = 20; sys.exit(main(sys.argv[1:]))"
    )
    words = ["export", f"model={folder}", "int8=true", "first_pass=true", "parity_sentences=40"]
    command = [sys.executable, "-c", code, *words, f"corpus={data_dir()}/corpus/fact_check.jsonl"]
    # In a process of its own: nncf loads absl, whose log handler closes the stderr that pytest has put in place.
    answer = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, check=False)
    assert answer.returncode == 0, answer.stderr
    return folder


@pytest.fixture
def copied(exported, tmp_path):
    """The exported model, to spoil."""
    return shutil.copytree(exported, tmp_path / "model")


def edit(path, **changes):
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | changes))


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_exports_give_the_scores_of_torch_in_the_order_of_the_labels(exported, name):
    pytest.importorskip(name)
    torch = StanceClassifier.from_pretrained(exported).predict_proba(SENTENCES)
    scores = load_backend(str(exported), BackendConfig(name=name, max_tokens_per_batch=128)).predict_proba(SENTENCES)
    np.testing.assert_allclose(scores, torch, atol=1e-5)
    assert np.ptp(torch, axis=1).max() > 0.1  # a column in the wrong place would show


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_int8_is_near_and_another_model_than_fp32(exported, name):
    pytest.importorskip(name)
    if name == "openvino" and find_spec("nncf") is None:
        pytest.skip("nncf is not installed")
    fp32, int8 = (
        load_backend(str(exported), BackendConfig(name=name, precision=precision)).predict_proba(SENTENCES)
        for precision in (Precision.fp32, Precision.int8)
    )
    assert 0 < np.abs(fp32 - int8).max() < 0.25


def test_bf16_keeps_the_residual_path_in_fp32(exported):
    """Rounded throughout, scores of the shipped model move by more than the 0.02 that ``auto`` allows."""
    openvino = pytest.importorskip("openvino")
    file = exported / "openvino_model.xml"
    marked = {
        layer.get("name"): layer.get("type")
        for layer in ElementTree.parse(file).iter("layer")
        if layer.find("rt_info/attribute[@name='precise']") is not None
    }
    layers = json.loads((exported / "config.json").read_text())["num_hidden_layers"]
    assert sorted(marked.values()) == ["Add"] * (2 + 2 * layers) + ["MVN"] * (1 + 2 * layers)
    if not cpu.multiplies_bf16():
        return
    compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    computed_in = {"MVN": set(), "FullyConnected": set()}
    for node in compiled.get_runtime_model().get_ops():
        computed_in.get(node.get_rt_info()["layerType"].astype(str), set()).add(
            node.get_rt_info()["runtimePrecision"].astype(str)
        )
    assert computed_in == {"MVN": {"f32"}, "FullyConnected": {"bf16"}}


def test_openvino_sees_few_shapes(exported, monkeypatch):
    """It makes kernels for each and keeps them: with every length its memory grew by half over a million sentences."""
    pytest.importorskip("openvino")
    backend = load_backend(str(exported), BackendConfig(name="openvino", max_tokens_per_batch=16))
    shapes, plain = [], backend._logits
    monkeypatch.setattr(backend, "_logits", lambda inputs: shapes.append(inputs["input_ids"].shape) or plain(inputs))
    backend.predict_proba([*SENTENCES, *(("river " * n).strip() for n in range(1, 20))])
    lengths = {length for _, length in shapes}
    assert len(lengths) > 3
    assert {length % 4 for length in lengths if length < backend._longest} == {0}


def test_each_export_is_recorded_with_its_parity(exported):
    record = ExportRecord.load(exported)
    assert record.sentences == 44
    fp32 = record.find("onnxruntime", "fp32")
    assert fp32.sound
    assert fp32.largest_score_difference < 1e-4
    int8 = record.find("onnxruntime", "int8")
    assert int8.largest_score_difference > fp32.largest_score_difference
    assert int8.sound == (int8.largest_score_difference <= 0.02 and int8.same_labels >= 0.995)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("onnxruntime", "model.onnx"),
        ("onnxruntime", "tokenizer.json"),
        pytest.param(
            "openvino",
            "openvino_model.bin",
            marks=pytest.mark.skipif(find_spec("openvino") is None, reason="needs openvino"),
        ),
    ],
)
def test_a_damaged_export_is_one_line_that_names_the_file(copied, name, file):
    (copied / file).write_bytes((copied / file).read_bytes()[:300])
    with pytest.raises(InputError, match=r"cannot be loaded.*newsstance export"):
        load_backend(str(copied), BackendConfig(name=name))


def test_what_is_being_exported_anew_is_not_sound_meanwhile(copied, monkeypatch):
    monkeypatch.setattr("newsstance.model.export.export_onnx", Mock(side_effect=KeyboardInterrupt))
    assert ExportRecord.load(copied).find("onnxruntime", "fp32").sound
    assert main(["export", f"model={copied}", "format=onnx", "parity_sentences=1"]) == 130
    assert ExportRecord.load(copied).find("onnxruntime", "fp32") is None


def test_an_fp32_export_with_other_scores_is_not_kept(tiny_model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("newsstance.model.export.parity", lambda *_: (0.5, 1.0))
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    assert main(["export", f"model={folder}", "format=onnx", "parity_sentences=1"]) == 2
    assert "scores differ by 5.0e-01" in capsys.readouterr().err
    assert not (folder / "model.onnx").exists()
    assert resolve(str(folder), AUTO).name == "torch"


def test_a_repeated_sentence_is_scored_once(exported, monkeypatch):
    backend = load_backend(str(exported), BackendConfig(name="onnxruntime"))
    shown = []
    plain = backend._logits
    monkeypatch.setattr(backend, "_logits", lambda inputs: shown.append(len(inputs["input_ids"])) or plain(inputs))
    scores = backend.predict_proba([SENTENCES[0], SENTENCES[1], SENTENCES[0], " ", ""])
    assert sum(shown) == 3
    np.testing.assert_array_equal(scores[0], scores[2])
    np.testing.assert_array_equal(scores[3], scores[4])
    np.testing.assert_allclose(scores[1], backend.predict_proba([SENTENCES[1]])[0], atol=1e-6)


def test_what_the_tokenizer_is_given_at_once_is_bounded_and_nothing_is_left_out(exported, monkeypatch):
    """Tokenizing takes 150 bytes a character: a record of 64 MB without a full stop would take 10 GB."""
    backend = load_backend(str(exported), BackendConfig(name="onnxruntime"))
    long = [word for n in range(900) for word in ("river", "mill", "boiler", f"n{n}")]
    sentences = [*SENTENCES, " ".join(long), "No."]
    whole = backend.predict_proba(sentences)
    given, read = [], []
    tokenizer, plain = backend._tokenizer, backend._logits
    monkeypatch.setattr(batching, "PIECE_CHARACTERS", 400)
    monkeypatch.setattr(batching, "CHARACTERS_AT_ONCE", 1500)
    monkeypatch.setattr(backend, "_logits", lambda inputs: read.extend(inputs["input_ids"].tolist()) or plain(inputs))
    monkeypatch.setattr(
        backend,
        "_tokenizer",
        SimpleNamespace(encode_batch=lambda texts: given.append(texts) or tokenizer.encode_batch(texts)),
    )
    scores = backend.predict_proba(sentences)
    assert max(sum(map(len, texts)) for texts in given) <= 1500
    assert len(given) > 10
    short = [0, 1, 2, 3, 6]
    np.testing.assert_allclose(scores[short], whole[short], atol=1e-6)
    words = " ".join(tokenizer.decode_batch(read)).split()
    assert {"river", "mill", "boiler", *(f"n{n}" for n in range(900))} <= set(words)
    assert (backend.predict_proba([""]) > 0).all(), "an empty sentence is read, as torch reads it"


def test_no_sentence_and_one_string(exported):
    backend = load_backend(str(exported), BackendConfig(name="onnxruntime"))
    assert backend.predict_proba([]).shape == (0, 3)
    with pytest.raises(TypeError, match="list of sentences"):
        backend.predict("No.")
    assert backend.predict(SENTENCES[:1])[0] == StanceClassifier.from_pretrained(exported).predict(SENTENCES[:1])[0]


def test_auto_takes_an_export_and_torch_where_there_is_none(exported, tiny_model):
    assert resolve(str(exported), AUTO).name in {"onnxruntime", "openvino"}
    chosen = resolve(str(tiny_model), AUTO)
    assert (chosen.name, chosen.precision) == ("torch", Precision.fp32)


def test_auto_leaves_what_is_not_sound_not_installed_or_of_other_weights(copied, monkeypatch):
    record = json.loads((copied / "export.json").read_text())
    edit(copied / "export.json", files=[entry | {"sound": False} for entry in record["files"]])
    assert resolve(str(copied), AUTO).name == "torch"
    edit(copied / "export.json", **record)
    assert resolve(str(copied), AUTO).name != "torch"
    with monkeypatch.context() as patch:
        patch.setattr(backends.importlib.util, "find_spec", lambda name: None)
        assert resolve(str(copied), AUTO).name == "torch"
    edit(copied / "newsstance.json", key="ffffffff")
    assert resolve(str(copied), AUTO).name == "torch"
    with pytest.raises(InputError, match="exported from other weights"):
        load_backend(str(copied), BackendConfig(name="onnxruntime"))


@pytest.mark.parametrize(
    ("flags", "first"),
    [
        ({"avx2"}, ("onnxruntime", Precision.fp32)),
        ({"avx2", "avx512f"}, ("openvino", Precision.fp32)),
        ({"avx512_vnni"}, ("openvino", Precision.int8)),
        ({"avx512_bf16"}, ("openvino", Precision.bf16)),
        (set(), ("onnxruntime", Precision.fp32)),
    ],
)
def test_what_is_fastest_depends_on_the_cpu(flags, first, monkeypatch):
    monkeypatch.setattr(backends, "cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr(cpu, "cpu_flags", lambda: frozenset(flags))
    assert backends._by_speed()[0] == first


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (BackendConfig(name="onnxruntime"), "holds no fp32 export for backend=onnxruntime"),
        (BackendConfig(name="openvino"), "holds no fp32 export for backend=openvino"),
        (BackendConfig(name="tensorflow"), "the backends are auto, torch, onnxruntime, openvino"),
        (BackendConfig(precision=Precision.int8), "backend=torch has no precision int8"),
        (BackendConfig(first_pass=True), "backend=torch has no first pass"),
        (BackendConfig(name="auto", first_pass=True), "needs an exported model"),
        (BackendConfig(max_tokens_per_batch=0), "max_tokens_per_batch must be 1 or more, or null, not 0"),
    ],
)
def test_a_backend_that_cannot_be_used_is_an_error_that_says_what_to_do(tiny_model, backend, message):
    with pytest.raises(InputError, match=message):
        load_backend(str(tiny_model), backend)


def test_the_first_pass_forecasts_each_sentence_by_itself(exported):
    """What stands before and behind a sentence in a batch is not seen; the network is the one that torch trained."""
    first_pass = FirstPass.load(exported, "00000000")
    ids = [[101, 2053, 102], [101, 1996, 4774, 2699, 102, 7, 8, 9], [5]]
    together = first_pass.forecast(ids)
    alone = [first_pass.forecast([one])[0] for one in reversed(ids)][::-1]
    np.testing.assert_allclose(together, alone, rtol=1e-4)
    assert np.ptp(together) > 0


def test_the_first_pass_is_the_network_that_was_trained():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    network = _network(torch.randn(50, 12)).eval()
    ids = torch.randint(1, 50, (4, 9))
    mask = torch.arange(9)[None] < torch.tensor([9, 1, 4, 5])[:, None]
    expected = network(ids * mask, mask).detach().numpy()
    first_pass = FirstPass(network.to_arrays(), 0.0, 0.0, "")
    rows = [row[kept].tolist() for row, kept in zip(ids, mask, strict=True)]
    np.testing.assert_allclose(first_pass.forecast(rows), expected, atol=1e-5)


def test_the_first_pass_skips_below_its_threshold_and_leaves_the_rest_as_it_is(exported):
    plain = load_backend(str(exported), BackendConfig(name="onnxruntime"))
    backend = load_backend(str(exported), BackendConfig(name="onnxruntime", first_pass=True))
    forecast = backend._first_pass.forecast(plain.token_ids([s.strip() or "." for s in SENTENCES[:4]]))
    lowest, second = np.argsort(forecast)[:2]
    backend._first_pass = replace(
        backend._first_pass, threshold=float(forecast[lowest] + forecast[second]) / 2, score=0.02
    )
    scores, expected = backend.predict_proba(SENTENCES), plain.predict_proba(SENTENCES)
    np.testing.assert_allclose(scores[lowest], 0.02)
    kept = [row for row in range(len(SENTENCES)) if row != lowest]
    np.testing.assert_allclose(scores[kept], expected[kept], atol=1e-6)


def test_a_sentence_of_several_windows_is_never_skipped(exported):
    backend = load_backend(str(exported), BackendConfig(name="onnxruntime", first_pass=True))
    backend._first_pass = replace(backend._first_pass, threshold=float("inf"), score=0.0)
    scores = backend.predict_proba(SENTENCES)
    assert (scores[:4] == 0).all()
    assert (scores[4] > 0).all()


def test_a_first_pass_is_read_as_written_and_refused_for_other_weights(exported, copied):
    first_pass = FirstPass.load(exported, "00000000")
    again = FirstPass(first_pass.weights, first_pass.threshold, first_pass.score, "1", {"lost": 0.0})
    again.save(copied)
    loaded = FirstPass.load(copied, "1")
    np.testing.assert_array_equal(loaded.weights["embedding"], first_pass.weights["embedding"])
    assert loaded.figures == {"lost": 0.0}
    with pytest.raises(InputError, match="from other weights"):
        FirstPass.load(copied, "2")
    (copied / "first_pass.json").unlink()
    with pytest.raises(InputError, match="holds no first pass"):
        load_backend(str(copied), BackendConfig(name="onnxruntime", first_pass=True))


HEAVY = {"torch", "transformers", "datasets", "pandas", "sklearn", "spacy", "scipy", "matplotlib", "trafilatura", "ray"}


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_one_article_on_an_export_imports_nothing_heavy(exported, tmp_path, name):
    """The real command; what it leaves in ``sys.modules`` is what a user waits for."""
    pytest.importorskip(name)
    (tmp_path / "article.txt").write_text("The mill admitted a leak.\n\nThe mayor denied it.\n")
    code = (
        "import sys; from newsstance.commands.main import main; code = main(sys.argv[1:]); "
        f"print('heavy:', sorted({HEAVY} & set(sys.modules)), code)"
    )
    words = ["predict", "input=article.txt", f"model={exported}", f"backend={name}", "output=-"]
    command = [sys.executable, "-c", code, *words]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    *rows, last = answer.stdout.splitlines()
    assert last == "heavy: [] 0", answer.stderr
    assert [json.loads(row)["text"] for row in rows] == ["The mill admitted a leak.", "The mayor denied it."]
