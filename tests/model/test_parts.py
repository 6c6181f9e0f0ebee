"""The small parts: batches, order, thresholds."""

import numpy as np

from newsstance.model.batching import pack_by_length
from newsstance.model.sampling import LengthGroupedSampler
from newsstance.model.threshold import best_threshold


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


def test_the_best_threshold_separates_what_can_be_separated():
    scores = np.array([0.1, 0.2, 0.25, 0.7, 0.8] * 20)
    assert 0.25 < best_threshold(np.array([0, 0, 0, 1, 1] * 20), scores) <= 0.75


def test_the_best_threshold_is_near_the_best_on_new_data():
    """Scores of a model that under-rates a rare label: the threshold found on one half does well on the other."""
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(0)
    gold = generator.random(2000) < 0.1
    scores = 1 / (1 + np.exp(-(generator.normal(size=2000) + 3 * gold - 3.5)))
    found = best_threshold(gold[:1000], scores[:1000])
    on_new = [f1_score(gold[1000:], scores[1000:] >= t) for t in np.arange(0.02, 0.98, 0.02)]
    assert f1_score(gold[1000:], scores[1000:] >= found) > max(on_new) - 0.03
    assert f1_score(gold[1000:], scores[1000:] >= 0.5) < max(on_new) - 0.1


def test_a_label_that_the_scores_do_not_tell_keeps_one_half():
    scores = np.array([0.1, 0.2, 0.25, 0.7, 0.8])
    assert best_threshold(np.zeros(5), scores) == 0.5
    assert best_threshold(np.array([1, 1, 0, 0, 0]), scores) == 0.5
