"""The small parts: batches, order, thresholds."""

import itertools

import numpy as np
import pytest

from newsstance.model.batching import pack_by_length
from newsstance.model.calibration import calibrate
from newsstance.model.sampling import LengthGroupedBatches


def test_the_final_epochs_draw_only_their_sentences_and_as_many():
    always = [index % 5 == 0 for index in range(100)]
    final = [index < 60 for index in range(100)]
    batches = LengthGroupedBatches(
        [10] * 100, batch_size=8, seed=3, always=always, others_share=0.5, final=final, final_from=2
    )
    steps = len(batches)
    for epoch, allowed in ((0, 100), (1, 100), (2, 60), (3, 60)):
        batches.set_epoch(epoch)
        drawn = in_order(batches)
        assert len(list(batches)) == steps
        assert len(drawn) == 20 + 40
        assert max(drawn) < allowed
        assert {index for index in range(allowed) if always[index]} <= set(drawn)
        assert allowed == 60 or max(drawn) >= 60


def test_batches_hold_every_item_once_within_the_budget():
    lengths = [5, 900, 3, 12, 12, 7, 300, 2]
    batches = list(pack_by_length(lengths, max_tokens=600))
    assert sorted(i for batch in batches for i in batch) == list(range(8))
    for batch in batches:
        longest = max(lengths[i] for i in batch)
        assert len(batch) == 1 or longest * len(batch) <= 600


def in_order(batches: LengthGroupedBatches) -> list[int]:
    return [index for batch in batches for index in batch]


def test_the_order_depends_on_seed_and_epoch_alone():
    batches = LengthGroupedBatches(list(range(100)), batch_size=8, seed=3)
    first = in_order(batches)
    np.random.seed(99)
    assert in_order(batches) == first
    batches.set_epoch(1)
    assert in_order(batches) != first
    assert sorted(in_order(batches)) == list(range(100))


@pytest.mark.parametrize(("sentences", "processes"), [(100, 2), (101, 2), (97, 4), (96, 4), (3, 2)])
def test_processes_share_each_batch_and_see_no_sentence_twice(sentences, processes):
    """What does not divide by the processes is left out: fewer sentences than there are processes."""

    def of(rank: int, processes: int) -> LengthGroupedBatches:
        return LengthGroupedBatches(list(range(sentences)), batch_size=8, seed=3, processes=processes, rank=rank)

    shares = [list(of(rank, processes)) for rank in range(processes)]
    assert {len(share) for share in shares} == {len(of(0, processes))}
    together = [sorted(itertools.chain.from_iterable(parts)) for parts in zip(*shares, strict=True)]
    alone = [sorted(batch) for batch in of(0, 1)]
    for parts, ours, whole in zip(zip(*shares, strict=True), together, alone, strict=False):
        assert len({len(part) for part in parts}) == 1
        assert set(ours) <= set(whole)
        assert len(whole) - len(ours) < processes
    seen = [index for batch in together for index in batch]
    assert len(seen) == len(set(seen)) > sentences - processes


def test_an_epoch_holds_every_marked_sentence_and_another_share_of_the_rest_each_time():
    always = [n % 5 == 0 for n in range(100)]
    batches = LengthGroupedBatches([10] * 100, batch_size=8, seed=3, always=always, others_share=0.25)
    first = in_order(batches)
    batches.set_epoch(1)
    second = in_order(batches)
    assert len(first) == len(set(first)) == 20 + 20
    assert len(batches) == len(list(batches)) == 5
    assert {n for n in range(100) if always[n]} <= set(first) & set(second)
    assert set(first) != set(second)


def test_a_batch_holds_sentences_of_like_length():
    lengths = np.random.default_rng(0).integers(1, 100, 800)
    spread = np.mean([np.ptp(lengths[batch]) for batch in LengthGroupedBatches(lengths.tolist(), batch_size=8, seed=0)])
    assert spread < 5


def columns(values: np.ndarray) -> np.ndarray:
    return np.stack([values] * 3, axis=1)


def test_one_half_separates_what_can_be_separated():
    gold = columns(np.array([0, 0, 0, 1, 1] * 20))
    scores = columns(np.array([0.1, 0.2, 0.25, 0.7, 0.8] * 20))
    calibrated = calibrate(gold, scores).apply(scores)
    assert ((calibrated >= 0.5) == gold).all()


def test_calibrated_scores_decide_well_and_are_chances_on_new_data():
    """Scores of a model that under-rates a rare label: what is found on one half does well on the other."""
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(0)
    gold = generator.random(4000) < 0.1
    scores = 1 / (1 + np.exp(-(generator.normal(size=4000) + 3 * gold - 3.5) * 2.5))
    found = calibrate(columns(gold[:2000]), columns(scores[:2000])).apply(columns(scores[2000:]))[:, 0]
    on_new = [f1_score(gold[2000:], scores[2000:] >= t) for t in np.arange(0.01, 0.99, 0.01)]
    assert f1_score(gold[2000:], found >= 0.5) > max(on_new) - 0.03
    assert f1_score(gold[2000:], scores[2000:] >= 0.5) < max(on_new) - 0.1
    for low, high in ((0.02, 0.2), (0.2, 0.5), (0.5, 0.9)):
        inside = (found >= low) & (found < high)
        assert abs(found[inside].mean() - gold[2000:][inside].mean()) < 0.15


def test_a_label_that_the_scores_do_not_tell_keeps_its_scores():
    scores = columns(np.array([0.1, 0.2, 0.25, 0.7, 0.8]))
    gold = np.stack([np.zeros(5), np.array([1, 1, 0, 0, 0]), np.ones(5)], axis=1)
    calibration = calibrate(gold, scores)
    assert calibration.scale.tolist() == [1, 1, 1]
    assert calibration.shift.tolist() == [0, 0, 0]
