"""CTC against its definition (sums over all alignments, a search over Python tuples) and TensorFlow's beam search."""

import itertools
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from kjax import backend as K


def probabilities(batch, time, classes, seed=0):
    logits = np.random.RandomState(seed).randn(batch, time, classes) * 1.5
    return (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).astype('float32')


def collapsed(path, blank):
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def alignments(p):
    """labels -> probability, by going through every alignment."""
    time, classes = p.shape
    total = defaultdict(float)
    for path in itertools.product(range(classes), repeat=time):
        total[collapsed(path, classes - 1)] += np.prod(p[range(time), path])
    return total


def prefix_search(p, width):
    """The prefix beam search as it is defined: [(labels, log probability)], best first."""
    none, beams = -np.inf, {(): (0.0, -np.inf)}
    for step in np.log(p):
        new = defaultdict(lambda: [none, none])
        for prefix, (blank, label) in beams.items():
            total = np.logaddexp(blank, label)
            new[prefix][0] = np.logaddexp(new[prefix][0], total + step[-1])
            if prefix:
                new[prefix][1] = np.logaddexp(new[prefix][1], label + step[prefix[-1]])
            for c in range(len(step) - 1):
                score = (blank if prefix and c == prefix[-1] else total) + step[c]
                new[(*prefix, c)][1] = np.logaddexp(new[(*prefix, c)][1], score)
        beams = dict(sorted(((k, tuple(v)) for k, v in new.items()), key=lambda e: -np.logaddexp(*e[1]))[:width])
    return [(k, np.logaddexp(*v)) for k, v in beams.items()]


def padded(paths, width):
    return np.array([list(p) + [-1] * (width - len(p)) for p in paths]).reshape(len(paths), width)


def test_cost_is_the_sum_over_alignments():
    p, labels, lengths = probabilities(3, 5, 3), np.array([[0, 1], [1, 1], [0, 0]]), np.array([[2], [2], [1]])
    time = np.array([[5], [5], [3]])
    got = K.ctc_batch_cost(labels, p, time, lengths)
    want = [
        -np.log(alignments(row[: t[0]])[tuple(label[: n[0]])])
        for row, label, n, t in zip(p, labels, lengths, time, strict=True)
    ]
    np.testing.assert_allclose(np.asarray(got)[:, 0], want, rtol=1e-4)


def test_cost_has_a_gradient():
    p = K.placeholder((1, 5, 3))
    cost = K.ctc_batch_cost(K.constant([[0, 1]]), p, K.constant([[5]]), K.constant([[2]]))
    got = K.function([p], K.gradients(cost, [p]))([probabilities(1, 5, 3)])[0]
    assert np.isfinite(got).all() and np.abs(got).max() > 0


def test_greedy():
    p = np.eye(4, dtype='float32')[[[0, 0, 3, 0, 1], [3, 2, 2, 1, 1]]] * 0.97 + 0.01
    (labels,), scores = K.ctc_decode(p, np.array([5, 3]))
    np.testing.assert_array_equal(labels, [[0, 0, 1], [2, -1, -1]])
    np.testing.assert_allclose(scores, [[-5 * np.log(0.98)], [-3 * np.log(0.98)]], rtol=1e-4)


TENSORFLOW = json.loads((Path(__file__).parents[1] / 'data' / 'ctc_beam_search.json').read_text())


@pytest.mark.parametrize('case', TENSORFLOW, ids=lambda c: f'{c["time"]} steps, {c["width"]} beams')
def test_beam_search_is_tensorflow_s(case):
    time, paths = case['time'], case['paths']
    p, lengths = probabilities(3, time, case['classes'], seed=time), np.array([time, time // 2, time - 1])
    for merge, kind in ((False, 'labels'), (True, 'merged')):
        found, scores = K.ctc_decode(
            p, lengths, greedy=False, beam_width=case['width'], top_paths=paths, merge_repeated=merge
        )
        assert len(found) == paths
        for labels, want in zip(found, case[kind], strict=True):
            np.testing.assert_array_equal(labels, want)
        np.testing.assert_allclose(scores, case['scores'], atol=1e-4)


def test_beam_search_is_the_prefix_search_where_the_beam_is_wide():
    p = probabilities(2, 5, 3, seed=1)
    found, scores = K.ctc_decode(p, np.array([5, 4]), greedy=False, beam_width=64, top_paths=6)
    for row, length in enumerate((5, 4)):
        want = prefix_search(p[row, :length], 64)[:6]
        np.testing.assert_allclose(scores[row], [score for _, score in want], rtol=1e-4)
        for labels, (prefix, _) in zip(found, want, strict=True):
            np.testing.assert_array_equal(labels[row], padded([prefix], labels.shape[1])[0])


def test_beam_search_may_merge_repeated_labels():
    p = np.eye(3, dtype='float32')[[[0, 2, 0, 1]]] * 0.97 + 0.01
    plain, merged = (
        K.ctc_decode(p, np.array([4]), greedy=False, merge_repeated=merge)[0][0] for merge in (False, True)
    )
    np.testing.assert_array_equal(plain, [[0, 0, 1]])
    np.testing.assert_array_equal(merged, [[0, 1]])


@pytest.mark.parametrize('greedy', [True, False])
def test_symbolic_results_are_as_long_as_time(greedy):
    p, n = K.placeholder((None, 6, 4)), K.placeholder((None,), dtype='int32')
    (labels,), scores = K.ctc_decode(p, n, greedy=greedy, beam_width=10)
    assert K.int_shape(labels) == (None, 6) and K.int_shape(scores) == (None, 1)
    feed = probabilities(2, 6, 4)
    got = K.function([p, n], [labels])([feed, [6, 6]])[0]
    want = np.asarray(K.ctc_decode(feed, np.array([6, 6]), greedy=greedy, beam_width=10)[0][0])
    np.testing.assert_array_equal(got[:, : want.shape[1]], want)
    assert (got[:, want.shape[1] :] == -1).all()


def test_dense_to_sparse():
    got = K.ctc_label_dense_to_sparse(np.array([[1, 2, 0], [3, 0, 0]]), np.array([2, 1]))
    np.testing.assert_array_equal(got.indices, [[0, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(got.values, [1, 2, 3])
    np.testing.assert_array_equal(got.dense_shape, [2, 3])
    with pytest.raises(TypeError, match='ctc_label_dense_to_sparse: labels and label_lengths must be arrays'):
        K.ctc_label_dense_to_sparse(K.placeholder((2, 3)), np.array([2, 1]))
