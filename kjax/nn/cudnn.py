"""LSTM by cuDNN, where it computes exactly what the scan does: on one NVIDIA GPU, float32, sigmoid gates, no mask, no
dropout.

Source: `jax.experimental.rnn`, which has LSTM only (a GRU is always a scan). Differs from its default: full float32
products instead of TF32. `KJAX_CUDNN=0` in the environment keeps the scan.
"""

from __future__ import annotations

import functools
import os

import jax
import jax.numpy as jnp
from jax.experimental import rnn
from jax.extend import backend
from jax.lax import Precision, platform_dependent

from kjax.nn import devices
from kjax.nn.derivatives import differentiable, filled


def available() -> bool:
    """Whether a program is traced for one NVIDIA GPU, however many there are, and nobody said `KJAX_CUDNN=0`.

    Programs over several devices keep the scan, which is cut up with the batch.
    """
    return devices.in_use() == 1 and _present()


@functools.cache
def _present() -> bool:
    if os.environ.get("KJAX_CUDNN") == "0" or jax.default_backend() != "gpu":
        return False
    return "cuda" in backend.get_backend().platform_version


def _arguments(x, states, kernel, recurrent, bias):
    """What `rnn.lstm_fwd` takes: arrays, then options.

    The weights are one vector: matrices (4 units, n) and (4 units, units), then two biases that are added, the second
    of them zeros here. The gates are in Keras's order: i, f, g, o.
    """
    weights = jnp.concatenate([kernel.T.ravel(), recurrent.T.ravel(), bias, jnp.zeros_like(bias)])
    lengths = jnp.full(x.shape[:1], x.shape[1], jnp.int32)
    options = {
        "input_size": x.shape[-1],
        "hidden_size": recurrent.shape[0],
        "num_layers": 1,
        "dropout": 0.0,
        "bidirectional": False,
        "precision": Precision.HIGHEST,
    }
    return (x, states[0][None], states[1][None], weights, lengths), options


def _forward(*operands):
    arrays, options = _arguments(*operands)
    (sequence, h, c), kept = rnn.lstm_fwd(*arrays, **options)
    return (sequence, (h[0], c[0])), kept[-1]


def _pull(operands, sequence, reserve, cotangents):
    _, _, kernel, recurrent, bias = operands
    arrays, options = _arguments(*operands)
    d_sequence, (dh, dc) = cotangents
    kept = (*arrays, sequence, reserve)
    dx, dh, dc, dw, _ = rnn.lstm_bwd(*options.values(), kept, (d_sequence, dh[None], dc[None]))
    d_kernel, d_recurrent, d_bias, _ = jnp.split(
        dw, [kernel.size, kernel.size + recurrent.size, kernel.size + recurrent.size + bias.size]
    )
    back = lambda d, like: d.reshape(like.shape[::-1]).T
    return dx, (dh[0], dc[0]), back(d_kernel, kernel), back(d_recurrent, recurrent), d_bias


def _scan_pull(scan, operands, cotangents):
    return jax.vjp(scan, *operands)[1](cotangents)


def lstm(scan, x, states, kernel, recurrent, bias):
    """LSTM over the whole sequence from x (batch, time, n), states h and c (batch, units), kernel (n, 4 units),
    recurrent (units, 4 units) and bias (4 units,), columns i, f, g, o; all float32.

    Args:
        scan: computes the same from the same arrays on any device. It runs where the program is lowered for another
            platform than CUDA, and where the gradient is differentiated again, which cuDNN cannot do.

    Returns: (sequence (batch, time, units), (last h, last c)). Call it only where `available()`.
    """
    return _lstm(scan, x, states, kernel, recurrent, bias)


def _run(scan, *operands):
    """(result of `lstm`, what cuDNN keeps for its gradient)."""
    reserve = jax.eval_shape(_forward, *operands)[1]
    elsewhere = lambda *operands: (scan(*operands), jnp.zeros(reserve.shape, reserve.dtype))
    return platform_dependent(*operands, cuda=_forward, default=elsewhere)


def _keep(scan, *operands):
    result, reserve = _run(scan, *operands)
    return result, (operands, result[0], reserve)


def _push(scan, kept, tangents):
    # tangents go forwards by the scan: cuDNN has no code for them
    operands = kept[0]
    return jax.jvp(scan, operands, filled(tangents, operands))[1]


def _pull_of_lstm(scan, kept, cotangents):
    return _gradient(scan, *kept, cotangents)


def _gradient_plain(scan, operands, sequence, reserve, cotangents):
    """Gradients of the operands from those of `lstm`'s result."""
    elsewhere = lambda operands, sequence, reserve, cotangents: _scan_pull(scan, operands, cotangents)
    return platform_dependent(operands, sequence, reserve, cotangents, cuda=_pull, default=elsewhere)


def _gradient_keep(scan, *given):
    return _gradient_plain(scan, *given), given


def _gradient_push(scan, given, tangents):
    # a function of the operands and cotangents alone; what cuDNN keeps counts as constant
    operands, _, _, cotangents = given
    primals = (operands, cotangents)
    return jax.jvp(functools.partial(_scan_pull, scan), primals, filled((tangents[0], tangents[3]), primals))[1]


def _gradient_pull(scan, given, d_gradients):
    operands, sequence, reserve, cotangents = given
    pull_again = jax.vjp(functools.partial(_scan_pull, scan), operands, cotangents)[1]
    d_operands, d_cotangents = pull_again(d_gradients)
    return d_operands, jnp.zeros_like(sequence), jnp.zeros_like(reserve), d_cotangents


_lstm = differentiable(lambda scan, *operands: _run(scan, *operands)[0], _keep, _push, _pull_of_lstm, statics=1)
_gradient = differentiable(_gradient_plain, _gradient_keep, _gradient_push, _gradient_pull, statics=1)
