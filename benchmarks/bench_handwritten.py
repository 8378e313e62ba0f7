"""Competitor: what one writes by hand in Flax and Optax: a module, a loss, one donated jitted step per batch."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from workloads import GANS, WORKLOADS


class Tiny(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        return nn.Dense(1)(nn.relu(nn.Dense(16)(x)))


class Mlp(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        for _ in range(2):
            x = nn.relu(nn.Dense(512)(x))
            x = nn.Dropout(0.2, deterministic=not train)(x)
        return nn.Dense(10)(x)


class Recurrent(nn.Module):
    cell: type

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Embed(20000, 128)(x)
        x = nn.RNN(self.cell(128))(x)[:, -1]
        return nn.Dense(1)(x)


class TextCnn(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Embed(5000, 50)(x)
        x = nn.Dropout(0.2, deterministic=not train)(x)
        x = nn.relu(nn.Conv(250, (3,), padding='VALID')(x)).max(1)
        x = nn.Dropout(0.2, deterministic=not train)(nn.Dense(250)(x))
        return nn.Dense(1)(nn.relu(x))


class Cnn(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.relu(nn.Conv(32, (3, 3), padding='VALID')(x))
        x = nn.relu(nn.Conv(64, (3, 3), padding='VALID')(x))
        x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = nn.Dropout(0.25, deterministic=not train)(x)
        x = nn.relu(nn.Dense(128)(x.reshape(x.shape[0], -1)))
        x = nn.Dropout(0.5, deterministic=not train)(x)
        return nn.Dense(10)(x)


class Films(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        return nn.Conv(1, (3, 3))(nn.RNN(nn.ConvLSTMCell(16, (3, 3)))(x)[:, -1])


class Generator(nn.Module):
    start: int
    convolutions: Sequence

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Dense(7 * 7 * self.start)(x).reshape(-1, 7, 7, self.start)
        for filters, strides in self.convolutions:
            x = nn.relu(nn.BatchNorm(use_running_average=not train, epsilon=1e-3)(x))
            x = nn.ConvTranspose(filters, (5, 5), (strides, strides), padding='SAME')(x)
        return jnp.tanh(x)


class Discriminator(nn.Module):
    convolutions: Sequence

    @nn.compact
    def __call__(self, x, train=False):
        for filters, strides in self.convolutions:
            x = nn.leaky_relu(nn.Conv(filters, (5, 5), (strides, strides), padding='SAME')(x), 0.2)
        return nn.Dense(1)(x.reshape(x.shape[0], -1))


def binary(logits, y):
    return optax.sigmoid_binary_cross_entropy(logits, y).mean(), ((logits > 0) == (y > 0.5)).mean()


def categorical(logits, y):
    return optax.softmax_cross_entropy(logits, y).mean(), (logits.argmax(-1) == y.argmax(-1)).mean()


def squares(outputs, y):
    return jnp.square(outputs - y).mean(), jnp.zeros(())


NETS = {
    'tiny': (Tiny(), binary, optax.sgd(0.01)),
    'mlp': (Mlp(), categorical, optax.rmsprop(1e-3)),
    'lstm': (Recurrent(nn.OptimizedLSTMCell), binary, optax.adam(1e-3)),
    'gru': (Recurrent(nn.GRUCell), binary, optax.adam(1e-3)),
    'conv1d': (TextCnn(), binary, optax.adam(1e-3)),
    'cnn': (Cnn(), categorical, optax.adadelta(1.0)),
    'convlstm': (Films(), squares, optax.sgd(0.01)),
}


def trainer(name, x):
    """`(state, step)`: step(state, x, y) -> state, loss, accuracy."""
    net, loss, optimizer = NETS[name]
    params = net.init(jax.random.key(0), x[:1])['params']

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state, x, y):
        params, slots, key = state
        key, dropout = jax.random.split(key)

        def objective(params):
            return loss(net.apply({'params': params}, x, train=True, rngs={'dropout': dropout}), y)

        (value, accuracy), grads = jax.value_and_grad(objective, has_aux=True)(params)
        updates, slots = optimizer.update(grads, slots, params)
        return (optax.apply_updates(params, updates), slots, key), value, accuracy

    return (params, optimizer.init(params), jax.random.key(1)), step


def _train(name):
    w = WORKLOADS[name]
    x, y = w.data(w.batch * w.steps)
    state, step = trainer(name, x)
    rng = np.random.RandomState(0)

    def round_():
        nonlocal state
        order = rng.permutation(len(x))
        logs = []
        for i in range(0, len(x), w.batch):
            rows = order[i : i + w.batch]
            state, *figures = step(state, x[rows], y[rows])
            logs.append(figures)
        np.mean(jax.device_get(logs), axis=0)
        jax.block_until_ready(state)
        return w.steps

    return round_


def _predict(name):
    w = WORKLOADS[name]
    x = w.data(1)[0]
    net = NETS['mlp'][0]
    params = net.init(jax.random.key(0), x)['params']
    predict = jax.jit(lambda params, x: jax.nn.softmax(net.apply({'params': params}, x)))

    def round_():
        for _ in range(w.steps):
            np.asarray(predict(params, x))
        return w.steps

    return round_


def _gan(name):
    w, shape = WORKLOADS[name], GANS[name]
    noise, real = w.data(w.batch)
    generator, discriminator = Generator(shape['start'], shape['generator']), Discriminator(shape['discriminator'])
    g_optimizer, d_optimizer = optax.rmsprop(1e-4), optax.rmsprop(2e-4)
    g = generator.init(jax.random.key(0), noise[:1])
    d = discriminator.init(jax.random.key(1), real[:1])['params']
    g_slots, d_slots = g_optimizer.init(g['params']), d_optimizer.init(d)
    predict = jax.jit(generator.apply)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def d_step(d, slots, x, y):
        value, grads = jax.value_and_grad(lambda d: binary(discriminator.apply({'params': d}, x), y)[0])(d)
        updates, slots = d_optimizer.update(grads, slots, d)
        return optax.apply_updates(d, updates), slots, value

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def g_step(g, slots, d, z, y):
        def objective(params):
            fake, new = generator.apply({**g, 'params': params}, z, train=True, mutable=['batch_stats'])
            return binary(discriminator.apply({'params': d}, fake), y)[0], new

        (value, new), grads = jax.value_and_grad(objective, has_aux=True)(g['params'])
        updates, slots = g_optimizer.update(grads, slots, g['params'])
        return {'params': optax.apply_updates(g['params'], updates), **new}, slots, value

    labels = np.concatenate([np.ones((w.batch, 1)), np.zeros((w.batch, 1))]).astype('float32')

    def round_():
        nonlocal g, d, g_slots, d_slots
        for _ in range(w.steps):
            fake = np.asarray(predict(g, noise))
            d, d_slots, d_loss = d_step(d, d_slots, np.concatenate([real, fake]), labels)
            g, g_slots, g_loss = g_step(g, g_slots, d, noise, labels[: w.batch])
            float(d_loss), float(g_loss)  # train_on_batch gives numbers
        jax.block_until_ready((g, d))
        return w.steps

    return round_


def _first(name):
    w = WORKLOADS[name]
    x, y = w.data(w.batch)
    state, step = trainer('mlp', x)
    jax.block_until_ready(step(state, x, y))


def prepare(name):
    return {'train': _train, 'predict': _predict, 'gan': _gan, 'first': _first}[WORKLOADS[name].kind](name)


def versions():
    import flax

    return f'jax {jax.__version__}, flax {flax.__version__}, optax {optax.__version__}'
