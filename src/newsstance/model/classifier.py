"""The stance classifier as other code uses it: load, predict, save."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from newsstance.configuration.groups import BackendConfig, Precision
from newsstance.errors import InputError
from newsstance.model.batching import WINDOW_OVERLAP, in_pieces, pack_by_length, unique_sentences
from newsstance.model.encoder import longest_input
from newsstance.model.first_token import last_layer_for_first_token
from newsstance.model.location import SHIPPED, find_model
from newsstance.model.metadata import ModelMetadata
from newsstance.model.processor import use_all_cores, uses_bf16
from newsstance.stances import LABELS, Label, from_scores

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENS_PER_BATCH = 1024
"""Token budget of a batch unless ``backend.max_tokens_per_batch`` says another."""


class StanceClassifier:
    """Scores sentences for each stance label.

    A scikit-learn style classifier over a Hugging Face sequence classification model: `predict`, `predict_proba`,
    ``classes_``. The same folder loads with ``transformers.pipeline("text-classification", model=folder, top_k=None)``
    and ``AutoModelForSequenceClassification`` and gives the same scores.

    Attributes:
        model: The sequence classification model, in evaluation mode.
        tokenizer: Its tokenizer.
        metadata: What its folder says of it; None for a model that newsstance did not train.
        model_id: Short name for predictions and reports.
        classes_: The labels, in the order of the score columns.
        label_columns: The column of each label in the model's logits.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        metadata: ModelMetadata | None = None,
        model_id: str = "",
        backend: BackendConfig | None = None,
    ) -> None:
        model.train(False)
        self.model = model
        self.tokenizer = tokenizer
        self.metadata = metadata
        self.model_id = metadata.model_id if metadata else model_id
        self.backend = backend or BackendConfig()
        self.classes_ = LABELS
        self.label_columns = _label_columns(model, self.model_id)

    @classmethod
    def from_pretrained(cls, name: str | Path = SHIPPED, backend: BackendConfig | None = None) -> StanceClassifier:
        """Load a model.

        Args:
            name: ``shipped`` (the model that comes with the package), ``latest`` (that of the newest pipeline run), a
                model folder or a hub id.
            backend: Precision and batch size; fp32 by default.

        Raises:
            InputError: Where there is no such model, it is not a classifier of the stance labels, or ``backend`` asks
                for another runtime than torch (`newsstance.inference.backends.load_backend` takes all).
        """
        if backend is not None and (backend.name not in {"torch", "auto"} or backend.precision is Precision.int8):
            asked = f"{backend.name} in {backend.precision.value}"
            raise InputError(f"StanceClassifier runs on torch in fp32 or bf16, not on {asked}: see load_backend")
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        location = find_model(str(name))
        folder = Path(location)
        metadata = ModelMetadata.load(folder) if folder.is_dir() else None
        try:
            tokenizer = AutoTokenizer.from_pretrained(location, trust_remote_code=False)
            model = AutoModelForSequenceClassification.from_pretrained(
                location, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InputError(f"model={name}: cannot be loaded: {reason}") from error
        return cls(model, tokenizer, metadata=metadata, model_id=folder.name, backend=backend)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model as a Hugging Face folder (safetensors), with ``newsstance.json`` last."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(target)
        self.tokenizer.save_pretrained(target)
        if self.metadata is not None:
            self.metadata.save(target)

    def predict(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> list[tuple[Label, ...]]:
        """The labels of each sentence: those with a score of at least 0.5.

        Args:
            sentences: Sentences, in any number.
            contexts: The sentence before each; see `predict_proba`.
        """
        return [from_scores(scores) for scores in self.predict_proba(sentences, contexts)]

    def predict_proba(self, sentences: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """The score of each label for each sentence.

        Sentences that are longer than the model's longest input are read in overlapping windows; a label's score is
        then its highest in any window.

        Args:
            sentences: Sentences, in any number.
            contexts: The sentence before each; accepted for models that read it, which this recipe does not train.

        Returns:
            Array of shape (n, 3), float32 in [0, 1], columns in the order of `LABELS`.

        Raises:
            TypeError: Where ``sentences`` is one string, a table or a mapping, or holds what is no text.
            ValueError: Where there are more or fewer ``contexts`` than sentences.
        """
        if isinstance(sentences, str):
            raise TypeError("predict takes a list of sentences, not one string")
        if contexts is not None and len(contexts) != len(sentences):
            raise ValueError(f"{len(contexts)} contexts for {len(sentences)} sentences")
        if not len(sentences):
            return np.zeros((0, len(LABELS)), dtype=np.float32)
        distinct, index = unique_sentences(sentences)
        windows, places = self._tokenize(distinct)
        scores = np.zeros((len(distinct), len(LABELS)), dtype=np.float32)
        np.maximum.at(scores, places, self._score(windows))
        every: np.ndarray = scores[index]
        return every

    def _tokenize(self, sentences: Sequence[str]) -> tuple[dict[str, list[Any]], list[int]]:
        """The inputs of each window, by name, and the sentence that each is of."""
        longest = min(int(self.tokenizer.model_max_length), longest_input(self.model))
        windows: dict[str, list[Any]] = {}
        places: list[int] = []
        for pieces in in_pieces(sentences):
            found = self.tokenizer(
                [text for _, text in pieces],
                truncation=True,
                max_length=longest,
                stride=min(WINDOW_OVERLAP, longest // 4),
                return_overflowing_tokens=True,
                return_attention_mask=False,
                verbose=False,
            )
            places += [pieces[number][0] for number in found.pop("overflow_to_sample_mapping")]
            for name, values in found.items():
                windows.setdefault(name, []).extend(values)
        return windows, places

    def _score(self, windows: dict[str, list[Any]]) -> np.ndarray:
        """Scores of each window, shape (windows, 3)."""
        import torch

        use_all_cores()
        token_ids = windows["input_ids"]
        lengths = [len(ids) for ids in token_ids]
        extra_inputs = [name for name in ("token_type_ids",) if name in windows]
        scores = np.zeros((len(token_ids), len(LABELS)), dtype=np.float32)
        device = self.model.device
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=uses_bf16(self.backend.precision, device.type))
        with torch.inference_mode(), autocast, last_layer_for_first_token(self.model):
            for batch in pack_by_length(lengths, self.backend.max_tokens_per_batch or TOKENS_PER_BATCH):
                inputs = {name: [windows[name][i] for i in batch] for name in ("input_ids", *extra_inputs)}
                padded = self.tokenizer.pad(inputs, return_tensors="pt").to(device)
                logits = self.model(**padded).logits.float()[:, self.label_columns]
                scores[batch] = torch.sigmoid(logits).cpu().numpy()
        return scores


def _label_columns(model: PreTrainedModel, name: str) -> list[int]:
    """The column of each stance label in the model's logits.

    Raises:
        InputError: Where the model has other labels.
    """
    columns = {label: int(index) for index, label in cast(dict[int, str], model.config.id2label).items()}
    if set(columns) != set(LABELS):
        found = ", ".join(map(str, columns))[:80]
        raise InputError(f"model {name or model.config.name_or_path}: its labels are {found}, not {', '.join(LABELS)}")
    return [columns[label] for label in LABELS]
