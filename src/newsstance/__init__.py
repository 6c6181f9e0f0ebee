"""Stance in news sentences: who acknowledges, who denies, who doubts somebody else's claim.

The public names load their modules on first use, so that ``import newsstance`` does not import torch.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from newsstance.stances import LABELS, Label, LabelledSentence, Sentence, Stance

if TYPE_CHECKING:
    from newsstance.model.classifier import StanceClassifier

try:
    __version__ = version("newsstance")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["LABELS", "Label", "LabelledSentence", "Sentence", "Stance", "StanceClassifier", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "StanceClassifier":
        from newsstance.model.classifier import StanceClassifier

        return StanceClassifier
    raise AttributeError(f"module 'newsstance' has no attribute {name!r}")
