"""The small parts: batches, order, thresholds."""

import numpy as np

from newsstance.model.batching import pack_by_length
from newsstance.model.calibration import calibrate
from newsstance.model.sampling import LengthGroupedSampler


def test_batches_hold_every_item_once_within_the_budget():
    lengths = [5, 900, 3, 12, 12, 7, 300, 2]
    batches = list(pack_by_length(lengths, max_tokens=600))
    assert sorted(i for batch in batches for i in batch) == list(range(8))
    for batch in batches:
        longest = max(lengths[i] for i in batch)
        assert len(batch) == 1 or longest * len(batch) <= 600


def test_the_order_depends_on_seed_and_epoch_alone():
    sampler = LengthGroupedSampler(list(range(100)), batch_size=8, seed=3)
    first = list(sampler)
    np.random.seed(99)
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert sorted(sampler) == list(range(100))


def test_an_epoch_holds_every_labelled_sentence_and_another_share_of_the_rest_each_time():
    labelled = [n % 5 == 0 for n in range(100)]
    sampler = LengthGroupedSampler([10] * 100, batch_size=8, seed=3, labelled=labelled, unlabelled_share=0.25)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert len(sampler) == len(first) == len(set(first)) == 20 + 20
    assert {n for n in range(100) if labelled[n]} <= set(first) & set(second)
    assert set(first) != set(second)


def test_a_batch_holds_sentences_of_like_length():
    lengths = np.random.default_rng(0).integers(1, 100, 800)
    order = list(LengthGroupedSampler(lengths.tolist(), batch_size=8, seed=0))
    spread = np.mean([np.ptp(lengths[order[k : k + 8]]) for k in range(0, 800, 8)])
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
