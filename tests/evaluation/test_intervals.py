"""Bootstrap over articles: against scipy's, and against a case where clusters matter."""

import time

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from newsstance.evaluation.intervals import ArticleBootstrap, estimate, two_sided_p
from newsstance.evaluation.metrics import Output, sample_metrics


def test_intervals_are_those_of_scipy():
    random = np.random.default_rng(1)
    docs = [f"doc-{n}" for n in random.integers(60, size=600)]
    right = random.random(600) < 0.7
    ours = ArticleBootstrap(docs, resamples=4000, seed=0)
    totals = ours.totals(np.stack([right, np.ones(600)], axis=1))
    mine = estimate(right.mean(), totals[:, 0] / totals[:, 1])

    _, member = np.unique(docs, return_inverse=True)
    hits, sizes = np.bincount(member, weights=right), np.bincount(member)

    def share(hits, sizes, axis):
        return hits.sum(axis=axis) / sizes.sum(axis=axis)

    theirs = scipy_bootstrap(
        (hits, sizes), share, n_resamples=4000, paired=True, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert mine.low == pytest.approx(theirs.low, abs=0.005)
    assert mine.high == pytest.approx(theirs.high, abs=0.005)


def test_articles_and_not_sentences_are_resampled():
    """Sentences of one article are all right or all wrong: 200 of them tell no more than 10 articles do."""
    right = np.repeat([1, 0, 1, 1, 0, 1, 0, 1, 1, 0], 20).astype(float)
    by_article = ArticleBootstrap([f"doc-{n // 20}" for n in range(200)], resamples=1000)
    by_sentence = ArticleBootstrap([f"doc-{n}" for n in range(200)], resamples=1000)

    def width(bootstrap):
        interval = estimate(right.mean(), bootstrap.totals(right[:, None])[:, 0] / 200)
        return interval.high - interval.low

    assert width(by_article) > 3 * width(by_sentence)


def test_each_resample_draws_as_many_articles_as_there_are():
    bootstrap = ArticleBootstrap(["a", "b", "b", "c"], resamples=250)
    weights = np.concatenate(list(bootstrap.sentence_weights(np.array([0, 1, 3]))))
    assert weights.shape == (250, 3)
    assert (weights.sum(axis=1) == 3).all()
    assert len({tuple(row) for row in weights.tolist()}) > 5


def test_same_seed_same_resamples():
    docs = [f"doc-{n}" for n in range(30)]
    column = np.arange(30.0)[:, None]
    first, again, other = (ArticleBootstrap(docs, 50, seed).totals(column) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_one_article_has_no_interval():
    totals = ArticleBootstrap(["a"] * 5, resamples=100).totals(np.ones((5, 1)))
    only = estimate(0.5, totals[:, 0])
    assert only.value == 0.5
    assert not only.has_interval


def test_undefined_resamples_are_left_out():
    samples = np.array([np.nan, 0.2, 0.4, np.nan])
    assert estimate(0.3, samples).low == pytest.approx(0.205)
    assert not estimate(float("nan"), samples).defined


def test_p_value_is_small_only_where_the_difference_keeps_its_sign():
    assert two_sided_p(np.full(999, 0.1)) == pytest.approx(2 / 1000)
    assert two_sided_p(np.linspace(-1, 1, 1000)) == 1.0
    assert np.isnan(two_sided_p(np.array([np.nan])))


def test_two_thousand_resamples_of_two_thousand_sentences_take_seconds():
    random = np.random.default_rng(0)
    gold = random.random((2000, 3)) < 0.1
    output = Output.from_scores(random.random((2000, 3)), [0.5] * 3)
    docs = [f"doc-{n // 8}" for n in range(2000)]
    started = time.process_time()
    sample_metrics(gold, output, ArticleBootstrap(docs, resamples=2000))
    assert time.process_time() - started < 10
