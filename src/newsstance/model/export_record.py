"""``export.json``: which exports a model folder holds, and how well each agrees with the torch model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from newsstance.errors import InputError

REPORT_FILE = "export.json"


@dataclass(frozen=True)
class ExportedFile:
    """One export of a model.

    Attributes:
        file: Name in the model folder.
        backend: The runtime that was checked: onnxruntime or openvino.
        precision: fp32, bf16 or int8.
        largest_score_difference: From torch fp32, over the sentences of the check.
        same_labels: Share of those sentences with exactly the labels of torch fp32.
        sound: Whether both lie within the bounds of the export; ``backend=auto`` takes no other.
    """

    file: str
    backend: str
    precision: str
    largest_score_difference: float = 1.0
    same_labels: float = 0.0
    sound: bool = False


@dataclass(frozen=True)
class ExportRecord:
    """What ``export.json`` holds.

    Attributes:
        key: Training key of the model that was exported: weights trained anew make the exports stale.
        sentences: Sentences that parity was checked on.
        files: The exports.
        libraries: Versions of the libraries that exported.
    """

    key: str
    sentences: int = 0
    files: tuple[ExportedFile, ...] = ()
    libraries: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> ExportRecord | None:
        """Read the record of a model folder; None where it has none.

        Raises:
            InputError: Where the file is broken.
        """
        path = folder / REPORT_FILE
        try:
            record: dict[str, Any] = json.loads(path.read_text())
            files = tuple(ExportedFile(**entry) for entry in record.pop("files"))
            return cls(files=files, **record)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError.at(path, f"cannot be read: {error}", remedy="run `newsstance export` again") from error

    def save(self, folder: Path) -> None:
        """Write the record in one step."""
        partial = folder / (REPORT_FILE + ".part")
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n")
        partial.replace(folder / REPORT_FILE)

    def having(self, exported: ExportedFile) -> ExportRecord:
        """This record with ``exported`` in place of an earlier one of the same runtime and precision."""
        others = (f for f in self.files if (f.backend, f.precision) != (exported.backend, exported.precision))
        return replace(self, files=(*others, exported))

    def find(self, backend: str, precision: str) -> ExportedFile | None:
        """The export for ``backend`` in ``precision``."""
        return next((f for f in self.files if (f.backend, f.precision) == (backend, precision)), None)
