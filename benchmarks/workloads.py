"""What is measured: shapes, batch sizes, synthetic data. The same for every competitor; NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Workload:
    """`steps` batches make one timed round; `kind` says what a step is: train, predict, gan or first."""

    text: str
    kind: str
    batch: int
    steps: int
    data: Callable[[int], tuple[np.ndarray, ...]]


def _rng():
    return np.random.RandomState(0)


def features(n, width=100):
    """A binary target that depends on the input, so that a loss can fall."""
    x = _rng().normal(size=(n, width)).astype('float32')
    return x, (x[:, :1] > 0).astype('float32')


def digits(n, shape=(784,)):
    r = _rng()
    x = r.uniform(size=(n, *shape)).astype('float32')
    return x, np.eye(10, dtype='float32')[r.randint(10, size=n)]


def words(n, vocabulary=20000, length=80):
    r = _rng()
    return r.randint(1, vocabulary, size=(n, length)).astype('int32'), r.randint(2, size=(n, 1)).astype('float32')


def films(n, length=6, size=24):
    """Films of one channel, and their last image."""
    x = _rng().uniform(size=(n, length, size, size, 1)).astype('float32')
    return x, x[:, -1]


def noise_and_images(n, latent=100):
    r = _rng()
    return r.uniform(-1, 1, size=(n, latent)).astype('float32'), r.uniform(-1, 1, size=(n, 28, 28, 1)).astype('float32')


WORKLOADS = {
    'tiny': Workload('Dense 16-1 on 100 features, SGD, batch 32', 'train', 32, 2000, features),
    'mlp': Workload('784-512-512-10, dropout, RMSprop, batch 128', 'train', 128, 200, digits),
    'lstm': Workload('Embedding 20000x128, LSTM 128, length 80, Adam, batch 32', 'train', 32, 30, words),
    'gru': Workload('Embedding 20000x128, GRU 128, length 80, Adam, batch 32', 'train', 32, 30, words),
    'conv1d': Workload(
        'text: Embedding 5000x50, length 400, Conv1D 250, max over time, Dense 250, Adam, batch 32', 'train', 32, 30,
        lambda n: words(n, 5000, 400),
    ),
    'cnn': Workload(
        'MNIST: Conv 32, Conv 64, pool, Dense 128, dropout, Adadelta, batch 128', 'train', 128, 8,
        lambda n: digits(n, (28, 28, 1)),
    ),
    'convlstm': Workload(
        'films: ConvLSTM2D 16 on 6 images of 24x24, Conv2D 1, SGD, batch 16', 'train', 16, 10, films,
    ),
    'predict1': Workload('the mlp on one sample, NumPy in, NumPy out', 'predict', 1, 500, digits),
    'gan': Workload(
        'small DCGAN round: predict 32, train_on_batch of the discriminator (64) and of the combined model (32)', 'gan',
        32, 20, noise_and_images,
    ),
    'dcgan': Workload(
        'the same round at batch 64, four transposed and four plain convolutions, 5x5, up to 256 filters', 'gan', 64, 1,
        noise_and_images,
    ),
    'first': Workload('import, build, compile, first batch of the mlp, in a fresh process', 'first', 128, 1, digits),
}  # fmt: skip

# What a round of `gan` and `dcgan` trains: channels that the generator starts from, (filters, stride) of the 5x5
# transposed and plain convolutions.
GANS = {
    'gan': {'start': 64, 'generator': ((32, 2), (1, 2)), 'discriminator': ((32, 2), (64, 2))},
    'dcgan': {
        'start': 128,
        'generator': ((128, 2), (64, 2), (32, 1), (1, 1)),
        'discriminator': ((32, 2), (64, 2), (128, 2), (256, 1)),
    },
}
