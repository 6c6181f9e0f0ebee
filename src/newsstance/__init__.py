"""Stance in news sentences: who acknowledges, who denies, who doubts somebody else's claim.

The public names load their modules on first use, so that ``import newsstance`` does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from newsstance.stances import LABELS, Label, LabelledSentence, Sentence, Stance
from newsstance.version import VERSION

if TYPE_CHECKING:
    from newsstance.model.classifier import StanceClassifier

__version__ = VERSION

__all__ = ["LABELS", "Label", "LabelledSentence", "Sentence", "Stance", "StanceClassifier", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "StanceClassifier":
        from newsstance.model.classifier import StanceClassifier

        return StanceClassifier
    raise AttributeError(f"module 'newsstance' has no attribute {name!r}")
