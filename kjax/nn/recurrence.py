"""The loop under every recurrent layer: one scan whose weight gradients are taken after it, in one product.

Differentiating a plain `lax.scan` multiplies `x_t^T dz_t` and adds it to the weight gradient at every step. Here the
reverse scan only keeps `dz_t`; `dW = sum_t x_t^T dz_t` is then one product over time and batch together. Both passes
are ordinary JAX code, so the gradient can be differentiated again.

A *cell* is a hashable object with

    step(linear, extra, states) -> (new states, kept)

where `linear(k, x)` is its k-th product `x W_k` plus the k-th projected input of this step. A cell that works unit by
unit (no activation that mixes units) may also give its derivative in closed form, which takes the activations out of
the reverse scan; `kept` is what it wants to find again there:

    slopes(kept, states) -> (slopes, factors)         all steps: what `pull` multiplies with; the x of each product
    pull(back, slopes, d_states) -> (d_states before, emitted)      one step; `back(k, dz)` is dz W_k^T
    spread(emitted, slopes) -> (dzs, d_extras)        all steps

`kept` and `emitted` are tuples of arrays; the first `emits` arrays of `kept` have the shapes of `emitted`, which takes
their place.

A cell without these is differentiated step by step, with its products replayed instead of computed again.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kjax.nn.derivatives import differentiable, filled


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _replay(product, x, z, transposed, tap):
    """The value z that the forward pass kept, which depends on x as `product` says; `tap` receives dz."""
    return z


def _replay_fwd(product, x, z, transposed, tap):
    return z, transposed


def _replay_bwd(product, transposed, dz):
    return product.back(dz, transposed), None, None, dz


_replay.defvjp(_replay_fwd, _replay_bwd)


def _over(mask, like):
    """mask (batch,) with the rank of `like`."""
    return mask.reshape(mask.shape + (1,) * (like.ndim - 1))


def _select(mask, new, old):
    """States after this step: `new` where the step counts, `old` where it is masked."""
    if mask is None:
        return new
    return tuple(jnp.where(_over(mask, n), n, o) for n, o in zip(new, old, strict=True))


def _closed(cell) -> bool:
    return hasattr(cell, "pull")


def _forward(cell, product, unroll, inputs, states, params, mask):
    projected, extras = inputs

    def body(states, xs):
        added, extra, m = xs
        zs: list[Any] = [None] * len(params)

        def linear(k, x):
            z = product(x, params[k])
            zs[k] = z if added[k] is None else z + added[k]
            return zs[k]

        new, kept = cell.step(linear, extra, states)
        return _select(m, new, states), (states, kept if _closed(cell) else tuple(zs))

    return lax.scan(body, states, (projected, extras, mask), unroll=unroll)


def recurrence(cell, product, sequences, unroll, inputs, states, params, mask):
    """Runs a cell over time.

    Args:
        cell: see the module's docstring.
        product: the linear map behind `linear`; hashable; `product(x, params)` (any leading axes), `transposed(params)`
            once before the reverse loop, `back(dz, transposed)`.
        sequences: whether the first state of every step is wanted.
        unroll: steps per round of the loop (`lax.scan`'s `unroll`).
        inputs: `(projected, extras)`: for each product the array (time, batch, ...) added to it, or None; then any
            pytree of further arrays with a leading time axis.
        states: tuple of arrays (batch, ...).
        params: tuple, one entry per product.
        mask: bool (time, batch) or None; a masked step leaves the states as they are.

    Returns:
        (sequence (time, batch, ...) of the first state, or None; the last states)
    """
    return _differentiable(cell, product, sequences, unroll, inputs, states, params, mask)


def _plain(cell, product, sequences, unroll, inputs, states, params, mask):
    last, (before, _) = _forward(cell, product, unroll, inputs, states, params, mask)
    return _sequence(before[0], last[0]) if sequences else None, last


def _sequence(before, last):
    # the states before each step, shifted by one: the loop need not store them twice
    return jnp.concatenate([before[1:], last[None]])


def _keep(cell, product, sequences, unroll, inputs, states, params, mask):
    last, (before, kept) = _forward(cell, product, unroll, inputs, states, params, mask)
    out = (_sequence(before[0], last[0]) if sequences else None, last)
    return out, (inputs, states, before, kept, params, mask)


def _push(cell, product, sequences, unroll, residuals, tangents):
    inputs, states, _, _, params, mask = residuals
    primals = (inputs, states, params)
    run = lambda inputs, states, params: _plain(cell, product, sequences, unroll, inputs, states, params, mask)
    return jax.jvp(run, primals, filled(tangents[:3], primals))[1]


def _pull(cell, product, sequences, unroll, residuals, cotangents):
    (projected, extras), _, before, kept, params, mask = residuals
    d_sequence, d_last = cotangents
    transposed = tuple(product.transposed(p) for p in params)
    back = lambda k, dz: product.back(dz, transposed[k])
    if _closed(cell):
        result = _reverse_closed(cell, back, unroll, before, kept, mask, d_sequence, d_last)
    else:
        result = _reverse_generic(cell, product, transposed, unroll, before, kept, extras, mask, d_sequence, d_last)
    d_first, dzs, d_extras, factors = result
    d_params = tuple(jax.vjp(partial(product, x), p)[1](dz)[0] for x, p, dz in zip(factors, params, dzs, strict=True))
    d_projected = tuple(None if a is None else dz for a, dz in zip(projected, dzs, strict=True))
    return (d_projected, d_extras), d_first, d_params, None


_differentiable = differentiable(_plain, _keep, _push, _pull, statics=4)


def _reverse_closed(cell, back, unroll, before, kept, mask, d_sequence, d_last):
    """Reverse loop of a cell with `slopes` and `pull`: nothing but products and multiplications inside."""
    slopes, factors = cell.slopes(kept, before)

    def body(carry, xs):
        d_states, written = carry
        t, slope, m, d_out = xs
        if d_out is not None:
            d_states = (d_states[0] + d_out, *d_states[1:])
        if m is None:
            d_before, emitted = cell.pull(back, slope, d_states)
        else:
            # pull is linear: what a masked step sends back is zero, and its states' gradient passes through
            passed = [jnp.where(_over(m, d), 0, d) for d in d_states]
            counted = tuple(jnp.where(_over(m, d), d, 0) for d in d_states)
            d_before, emitted = cell.pull(back, slope, counted)
            d_before = tuple(d + p for d, p in zip(d_before, passed, strict=True))
        written = tuple(lax.dynamic_update_index_in_dim(w, e, t, 0) for w, e in zip(written, emitted, strict=True))
        return (d_before, written), None

    # Written over what the forward pass kept: the slopes are all that is still needed of it, and a fresh array
    # would have to be filled with zeros first.
    steps = jnp.arange(before[0].shape[0])
    xs = (steps, slopes, mask, d_sequence)
    (d_first, emitted), _ = lax.scan(body, (d_last, kept[: cell.emits]), xs, reverse=True, unroll=unroll)
    return d_first, *cell.spread(emitted, slopes), factors


def _reverse_generic(cell, product, transposed, unroll, before, kept, extras, mask, d_sequence, d_last):
    """Reverse loop of any cell: each step is differentiated with its products replayed from the forward pass."""

    def body(d_states, xs):
        states, zs, extra, m, d_out = xs
        if d_out is not None:
            d_states = (d_states[0] + d_out, *d_states[1:])
        factors: list[Any] = [None] * len(zs)

        def run(extra, states, taps):
            def linear(k, x):
                factors[k] = x
                return _replay(product, x, zs[k], transposed[k], taps[k])

            return _select(m, cell.step(linear, extra, states)[0], states), tuple(factors)

        _, pull, used = jax.vjp(run, extra, states, jax.tree.map(jnp.zeros_like, zs), has_aux=True)
        d_extra, d_before, dzs = pull(d_states)
        return d_before, (dzs, d_extra, used)

    xs = (before, kept, extras, mask, d_sequence)
    d_first, (dzs, d_extras, factors) = lax.scan(body, d_last, xs, reverse=True, unroll=unroll)
    return d_first, dzs, d_extras, factors
