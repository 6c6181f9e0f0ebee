"""Train what `newsstance train experiment=shipped_model` trains on one GPU in minutes, by CUDA graphs.

    python scripts/train_on_gpu.py output=FOLDER [HYDRA OVERRIDES ...]

A small model leaves a GPU waiting for Python. Here a whole step (forward, backward, clipping, AdamW) is recorded once
for each length of input and replayed: 55,000 sentences a second on an H200. The data, the recipe and its order of
sentences, the cut to the adapter's rank, the calibration and the files that are written are those of `newsstance
train`; what differs is listed at `train`. Works with encoders of BERT's build, with trainer.matrices_only=true and
trainer.adapter_rank, and without R-Drop. Without a GPU it trains too, slowly.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from newsstance.commands.messages import one_line
from newsstance.commands.train import training_job
from newsstance.configuration import resolvers
from newsstance.configuration.commands import TrainConfig
from newsstance.configuration.groups import TrainerConfig
from newsstance.configuration.typed import to_typed
from newsstance.errors import InputError
from newsstance.model.adapter import block_matrices, cut_to_rank
from newsstance.model.encoder import encoder_layers, freeze, freeze_all_but_matrices, load_encoder
from newsstance.model.sampling import LengthGroupedBatches
from newsstance.model.targets import training_targets
from newsstance.model.training import finish, save
from newsstance.model.training_job import TrainingJob, check_job, of_final_epochs, seen_every_epoch
from newsstance.provenance import hash_json
from newsstance.resources import configs_dir

LONGEST = 96  # tokens; what a sentence has more is cut off, as behind encoder.max_tokens
STEP = 8  # inputs are padded to a multiple of so many tokens: a graph for each
CUTS = 6  # to the adapter's rank, in the last 60% of the steps, the last one at the end
FIRST_CUT = 0.4


def main() -> None:
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(__doc__)
    try:
        resolvers.register()
        with initialize_config_dir(str(configs_dir()), version_base=None):
            config = to_typed(compose("train", ["experiment=shipped_model", *sys.argv[1:]]), TrainConfig)
        if config.output is None:
            sys.exit("give output=FOLDER")
        job = training_job(config)
        check_job(job)
        check_follows(job.trainer)
        train(job, Path(config.output).expanduser())
    except (InputError, HydraException, OSError) as error:
        explained = one_line(error)
        if explained is None:
            raise
        sys.exit(explained[0])


def check_follows(recipe: TrainerConfig) -> None:
    """See that the script can follow ``recipe``.

    Raises:
        InputError: Where it cannot.
    """
    needed = {"matrices_only": True, "consistency_weight": 0, "positive_weight": 1, "attention_dropout": 0}
    for name, value in needed.items():
        if getattr(recipe, name) != value:
            raise InputError(f"trainer.{name}={getattr(recipe, name)}: this script follows {value} only")
    if recipe.adapter_rank is None:
        raise InputError("trainer.adapter_rank=null: this script needs one")


def train(job: TrainingJob, folder: Path) -> None:
    """Train the model of ``job`` and write it to ``folder``.

    Other than in `newsstance.model.training.train`: sentences are cut to `LONGEST` tokens; the last step is kept,
    nothing is evaluated on the way; the changes are cut to the adapter's rank `CUTS` times; the embeddings drop out,
    too; the head's weights do not decay; batches that are not full are left out.
    """
    torch.manual_seed(job.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, tokenizer = load_encoder(job.encoder, job.trainer.attention_dropout, job.trainer.hidden_dropout)
    if model.config.model_type != "bert" or model.config.hidden_act != "gelu":
        raise InputError(f"encoder={job.encoder.name}: this script computes encoders of BERT's build with GELU only")
    before = block_matrices(model)
    dropout = float(job.trainer.hidden_dropout if job.trainer.hidden_dropout is not None else _dropout(model))
    freeze(model, embeddings=True, layers=job.trainer.freeze_layers)
    freeze_all_but_matrices(model)
    model.to(device)

    texts = [sentence.text for sentence in job.splits["train"]]
    longest = min(LONGEST, int(tokenizer.model_max_length)) // STEP * STEP
    if longest < STEP:
        raise InputError(f"encoder.max_tokens={job.encoder.max_tokens}: this script needs {STEP} or more")
    tokens = tokenizer(texts, truncation=True, max_length=longest)["input_ids"]
    lengths = np.array([len(ids) for ids in tokens])
    inputs = np.zeros((len(tokens), longest), np.int32)
    inputs[np.arange(longest) < lengths[:, None]] = np.concatenate(tokens)
    targets = training_targets(job.splits["train"], job.trainer.soft_label_weight)
    training = Training(
        model,
        torch.from_numpy(inputs).to(device),
        torch.from_numpy(targets).to(device),
        batch_size=job.trainer.batch_size,
        dropout=dropout,
        weight_decay=job.trainer.weight_decay,
    )

    batches = _batches(job, lengths)
    total = job.trainer.max_steps if job.trainer.max_steps > 0 else round(len(batches) * job.trainer.epochs)
    warmup = round(job.trainer.warmup_share * total)
    cuts = {round(total * (FIRST_CUT + (1 - FIRST_CUT) * cut / CUTS)) for cut in range(1, CUTS + 1)}
    started = time.monotonic()
    for step, batch in zip(range(1, total + 1), _for_ever(batches), strict=False):
        share = min(step / max(1, warmup), (total - step + 1) / max(1, total - warmup))
        training.step(
            batch,
            length=math.ceil(int(lengths[batch].max()) / STEP) * STEP,
            rates=(job.trainer.learning_rate * share, job.trainer.head_learning_rate * share),
        )
        if step in cuts:
            cut_to_rank(model, before, job.trainer.adapter_rank or 1)
        if step % max(1, total // 20) == 0:
            seconds = time.monotonic() - started
            loss = float(training.loss) / (1 - 0.98**step)
            print(f"step {step}/{total}  loss {loss:.4f}  {seconds:.0f} s", flush=True)
    write(job, model, tokenizer, before, folder)


def write(job: TrainingJob, model: PreTrainedModel, tokenizer: Any, before: Any, folder: Path) -> None:
    """Calibrate the model and write it, with the name of this script in its configuration."""
    classifier = finish(job, model, tokenizer)
    if classifier.metadata is None:
        raise AssertionError("finish describes the model")
    config = {**classifier.metadata.config, "script": f"scripts/{Path(__file__).name}"}
    key = hash_json([classifier.metadata.key, config])
    name = f"{classifier.metadata.model_id.rsplit('-', 1)[0]}-{key[:8]}"
    classifier.metadata = replace(classifier.metadata, config=config, key=key, model_id=name)
    folder.mkdir(parents=True, exist_ok=True)
    save(job, classifier, before, folder)
    print(f"model: {folder}")


class Training:
    """The steps of a training, on a GPU as graphs that are recorded once and replayed.

    Attributes:
        loss: Running mean of the loss, from 0 on (each step moves it by a fiftieth).
    """

    def __init__(
        self,
        model: PreTrainedModel,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        *,
        batch_size: int,
        dropout: float,
        weight_decay: float,
    ) -> None:
        """Record the steps.

        Args:
            model: The classifier, on the device to train on.
            inputs: Token ids of all sentences, (n, a multiple of STEP), padded with 0.
            targets: (n, 3), in [0, 1].
            batch_size: Sentences a step.
            dropout: Of the hidden states.
            weight_decay: Of the encoder's matrices.
        """
        self.model = model.train()
        self.inputs, self.targets, self.dropout = inputs, targets, dropout
        head = {id(weight) for part in (model.bert.pooler, model.classifier) for weight in part.parameters()}
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        self.weights = [weight for weight in trained if id(weight) not in head]
        self.head = [weight for weight in trained if id(weight) in head]
        self.device = inputs.device
        self.chosen = torch.zeros(batch_size, dtype=torch.long, device=self.device)
        self.loss = torch.zeros((), device=self.device)
        self.rates = [torch.zeros((), device=self.device) for _ in range(2)]
        on_gpu = self.device.type == "cuda"
        self.optimizer = torch.optim.AdamW(
            [
                {"params": self.weights, "lr": self.rates[0], "weight_decay": weight_decay},
                {"params": self.head, "lr": self.rates[1], "weight_decay": 0.0},
            ],
            fused=True,
            capturable=on_gpu,
        )
        self.graphs = self._record() if on_gpu else {}

    def step(self, batch: np.ndarray, *, length: int, rates: tuple[float, float]) -> None:
        """One step on the sentences ``batch``, of at most ``length`` tokens, at the rates of encoder and head."""
        self.chosen.copy_(torch.from_numpy(batch), non_blocking=True)
        for held, rate in zip(self.rates, rates, strict=True):
            held.fill_(rate)
        if self.graphs:
            self.graphs[length].replay()
        else:
            self._compute(length)

    def _record(self) -> dict[int, torch.cuda.CUDAGraph]:
        """A graph for each length; the weights are as before then."""
        before = {name: value.clone() for name, value in self.model.state_dict().items()}
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # first steps allocate what must not be allocated while recording
            for length in (STEP, self.inputs.shape[1]):
                for _ in range(2):
                    self._compute(length)
        torch.cuda.current_stream().wait_stream(aside)
        self.model.load_state_dict(before)
        for state in self.optimizer.state.values():
            for value in state.values():
                value.zero_()
        graphs: dict[int, torch.cuda.CUDAGraph] = {}
        pool = None
        for length in range(STEP, self.inputs.shape[1] + 1, STEP):
            graphs[length] = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graphs[length], pool=pool, capture_error_mode="thread_local"):
                self._compute(length)
            pool = pool or graphs[length].pool()
        self.loss.zero_()
        return graphs

    def _compute(self, length: int) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        inputs, targets = self.inputs[self.chosen, :length].long(), self.targets[self.chosen]
        with torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False):
            logits = classify(self.model, inputs, self.dropout)
        loss = functional.binary_cross_entropy_with_logits(logits.float(), targets)
        loss.backward()
        nn.utils.clip_grad_norm_([*self.weights, *self.head], 1.0, foreach=True)
        self.optimizer.step()
        self.loss.lerp_(loss.detach(), 0.02)


def classify(model: Any, inputs: torch.Tensor, dropout: float) -> torch.Tensor:
    """The logits of a ``BertForSequenceClassification``, (batch, 3), without what cannot be recorded.

    `transformers` looks into the mask to see whether it is needed, which a graph cannot. The last layer is computed for
    the first token alone.

    Args:
        model: The classifier; its own dropout is not used.
        inputs: Token ids, (batch, tokens), padded with 0.
        dropout: Of the hidden states.
    """

    def drop(states: torch.Tensor) -> torch.Tensor:
        return functional.dropout(states, dropout, model.training)

    embeddings = model.bert.embeddings
    states = embeddings.word_embeddings(inputs) + embeddings.position_embeddings.weight[: inputs.shape[1]]
    states = drop(embeddings.LayerNorm(states + embeddings.token_type_embeddings.weight[0]))
    mask = torch.zeros(inputs.shape, device=inputs.device).masked_fill(inputs == 0, -1e4)[:, None, None, :]
    mask = mask.to(torch.bfloat16 if torch.is_autocast_enabled(inputs.device.type) else states.dtype)
    layers = encoder_layers(model)
    for layer in layers:
        states = _layer(layer, states[:, :1] if layer is layers[-1] else states, states, mask, drop)
    logits: torch.Tensor = model.classifier(drop(model.bert.pooler(states)))
    return logits


def _layer(
    layer: Any,
    asking: torch.Tensor,
    states: torch.Tensor,
    mask: torch.Tensor,
    drop: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """A BERT layer for the tokens ``asking``, which attend to ``states``."""
    attention = layer.attention.self

    def by_head(projected: torch.Tensor) -> torch.Tensor:
        return projected.unflatten(-1, (-1, attention.attention_head_size)).transpose(1, 2)

    gathered = functional.scaled_dot_product_attention(
        by_head(attention.query(asking)),
        by_head(attention.key(states)),
        by_head(attention.value(states)),
        attn_mask=mask,
    )
    gathered = gathered.transpose(1, 2).flatten(2)
    output = layer.attention.output
    attended = output.LayerNorm(drop(output.dense(gathered)) + asking)
    inner = functional.gelu(layer.intermediate.dense(attended))
    return layer.output.LayerNorm(drop(layer.output.dense(inner)) + attended)  # type: ignore[no-any-return]


def _dropout(model: PreTrainedModel) -> float:
    return float(model.config.hidden_dropout_prob)


def _batches(job: TrainingJob, lengths: np.ndarray) -> LengthGroupedBatches:
    recipe = job.trainer
    batches = LengthGroupedBatches(
        lengths.tolist(),
        recipe.batch_size,
        job.seed,
        always=seen_every_epoch(job),
        others_share=recipe.negative_share,
        final=of_final_epochs(job, "train").tolist(),
        final_from=math.ceil(recipe.epochs) - recipe.final_epochs if recipe.final_epochs else None,
    )
    if batches.drawn < recipe.batch_size:
        raise InputError(f"trainer.batch_size={recipe.batch_size}: an epoch has {batches.drawn} sentences")
    return batches


def _for_ever(batches: LengthGroupedBatches) -> Iterator[np.ndarray]:
    """The full batches of one epoch after the other."""
    epoch = 0
    while True:
        batches.set_epoch(epoch)
        yield from (np.array(batch) for batch in batches if len(batch) == batches.batch_size)
        epoch += 1


if __name__ == "__main__":
    main()
