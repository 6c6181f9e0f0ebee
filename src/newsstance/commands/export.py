"""``newsstance export``: write a model in another format, and check that it gives the same scores."""

from __future__ import annotations

from pathlib import Path

from newsstance.configuration.schema import BackendConfig, ExportConfig
from newsstance.errors import InputError
from newsstance.provenance import Run, library_versions


def run(config: ExportConfig, run: Run) -> None:
    """Export the model of ``config`` and record the parity."""
    if config.format != "onnx":
        raise InputError(f"format={config.format}: unknown; the formats are onnx")
    from newsstance.inference.backends import load_backend
    from newsstance.model.classifier import StanceClassifier
    from newsstance.model.export import copy_model, export_onnx, parity, record_export
    from newsstance.model.location import find_model

    source = Path(find_model(config.model))
    classifier = StanceClassifier.from_pretrained(str(source))
    if classifier.metadata is None:
        raise InputError(
            f"model={config.model}: has no newsstance.json; only models trained by newsstance can be exported"
        )
    folder = Path(config.output) if config.output else source
    folder.mkdir(parents=True, exist_ok=True)
    copy_model(source, folder)
    path = export_onnx(classifier, folder)
    exported = load_backend(str(folder), BackendConfig(name="onnxruntime"))
    difference = parity(classifier, exported)
    facts = {
        "format": "onnx",
        "file": path.name,
        "largest_score_difference": difference,
        "libraries": library_versions(),
    }
    record_export(folder, facts)
    run.record(model=classifier.model_id, **facts)
    if difference > config.tolerance:
        path.unlink()
        raise InputError(f"{path}: scores differ by {difference:.1e}, more than tolerance={config.tolerance}; not kept")
    print(f"exported: {path}")
    print(f"largest score difference: {difference:.1e}")
