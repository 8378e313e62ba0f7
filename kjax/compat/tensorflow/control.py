"""Conditions, gradients, printing, Python functions, order of execution, under TensorFlow's names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.control_flow import _record
from kjax.backend.differentiation import gradients as K_gradients
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.tensors import get_static_value, held, kind_of, tf_function, type_of, value_of
from kjax.graph import KerasTensor, SubGraph, Update, Variable
from kjax.graph.substitute import substitute

# -------------------------------------------------- conditions


def _leaves(x):
    return jax.tree.flatten(x, is_leaf=lambda v: v is None or isinstance(v, Update))


@tf_function(old={"fn1": "true_fn", "fn2": "false_fn"})
def cond(pred, true_fn=None, false_fn=None, strict=False):
    """true_fn() where the scalar `pred` holds, else false_fn().

    Args:
        pred: bool or scalar tensor.
        true_fn, false_fn: functions without arguments that give tensors of equal shapes, alike nested.
    Differs: both are computed.
    """
    for name, fn in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(fn):
            raise TypeError(f"cond: {name} must be a function without arguments; got {type(fn).__name__}.")
    known = get_static_value(pred)
    if known is not None:
        return true_fn() if bool(known) else false_fn()
    (yes, structure), (no, other) = _leaves(true_fn()), _leaves(false_fn())
    if structure != other:
        raise TypeError(f"cond: true_fn and false_fn must give alike structures; got {structure} and {other}.")
    return jax.tree.unflatten(structure, [_either(pred, a, b) for a, b in zip(yes, no, strict=True)])


smart_cond = cond


def _either(pred, a, b):
    if a is None or b is None:
        return None
    if isinstance(a, Update) or isinstance(b, Update):
        return _either_update(pred, a, b)
    a, b = value_of(a), value_of(b)
    if len(a.shape) != len(b.shape):
        raise ValueError(
            f"cond: true_fn and false_fn must give tensors of equal shapes; got {tuple(a.shape)} and {tuple(b.shape)}."
        )
    return K.switch(pred, a, b)


def _either_update(pred, a, b):
    """An update in one branch, or of one variable in both."""
    variable = (a if isinstance(a, Update) else b).variable
    values = [u.value if isinstance(u, Update) and u.variable is variable else variable for u in (a, b)]
    return Update(variable, K.switch(pred, *values))


@tf_function
def case(pred_fn_pairs, default=None, exclusive=False, strict=False):
    """The function of the first condition that holds, else `default`.

    Args:
        pred_fn_pairs: list of (bool scalar, function), or a dict.
        default: function; None: the last of the pairs.
        exclusive: accepted.
    """
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    if default is None:
        default = pairs.pop()[1]
    chosen = default
    for pred, fn in reversed(pairs):
        chosen = lambda pred=pred, fn=fn, rest=chosen: cond(pred, fn, rest)
    return chosen()


@tf_function
def switch_case(branch_index, branch_fns, default=None):
    """branch_fns[branch_index](), or the last function where the index is none of them."""
    fns = dict(branch_fns if isinstance(branch_fns[0], (list, tuple)) else enumerate(branch_fns))
    otherwise = fns[max(fns)] if default is None else default
    return case([(K.equal(branch_index, i), fn) for i, fn in fns.items()], otherwise)


# -------------------------------------------------- order


def with_dependencies(dependencies, output_tensor, name=None):
    """`output_tensor`."""
    return output_tensor


# -------------------------------------------------- looking


@tf_function(old={"input": "input_"})
def Print(input_, data, message=None, first_n=None, summarize=None):
    """`input_`; `data` is printed whenever it is computed.

    Differs: it goes to standard output; `first_n` is not counted, `summarize` does not shorten.
    """
    return _printed(value_of(input_), [value_of(d) for d in data], message or "")


@tensor_op(name="Print")
def _printed(x, data, message):
    def show(*values):
        print(message + "".join(f"[{np.array2string(np.asarray(v))}]" for v in values))

    jax.debug.callback(show, *data)
    return as_array(x)


@tf_function
def Assert(condition, data, summarize=None):
    """None; raises at once where the condition is known while the graph is built and does not hold.

    Differs: a condition on data is not checked.
    """
    known = get_static_value(condition)
    if known is not None and not np.all(known):
        raise ValueError(f"Assert: the condition does not hold; data: {data!r:.200}.")


def _assertion(name, holds):
    def check(x, y=None, data=None, summarize=None, message=None, name=None):
        """As `Assert`: checks what is known while the graph is built."""
        values = [get_static_value(value_of(v)) for v in (x, y) if v is not None]
        if all(v is not None for v in values) and not np.all(holds(*values)):
            raise ValueError(f"{check.__name__}: {message or 'it does not hold for'} {values!r:.200}")

    check.__name__ = name
    return check


assert_equal = _assertion("assert_equal", np.equal)
assert_none_equal = _assertion("assert_none_equal", np.not_equal)
assert_less = _assertion("assert_less", np.less)
assert_less_equal = _assertion("assert_less_equal", np.less_equal)
assert_greater = _assertion("assert_greater", np.greater)
assert_greater_equal = _assertion("assert_greater_equal", np.greater_equal)
assert_positive = _assertion("assert_positive", lambda x: x > 0)
assert_non_negative = _assertion("assert_non_negative", lambda x: x >= 0)


def assert_rank(x, rank, data=None, summarize=None, message=None, name=None):
    """Raises ValueError unless the tensor has so many axes."""
    if len(value_of(x).shape) != int(rank):
        raise ValueError(f"assert_rank: {message or ''} the rank must be {rank}; got shape {tuple(value_of(x).shape)}.")


def assert_rank_at_least(x, rank, data=None, summarize=None, message=None, name=None):
    """Raises ValueError unless the tensor has so many axes or more."""
    shape = tuple(value_of(x).shape)
    if len(shape) < int(rank):
        raise ValueError(f"assert_rank_at_least: {message or ''} the rank must be {rank} or more; got shape {shape}.")


@tensor_op(name="CheckNumerics", rowwise=True)
def _finite(x, message):
    x = as_array(x)

    def check(bad):
        if bad:
            raise FloatingPointError(f"check_numerics: {message}: the tensor has NaN or infinite elements.")

    jax.debug.callback(check, ~jnp.all(jnp.isfinite(x)))
    return x


@tf_function(old={"tensor": "x"})
def check_numerics(x, message):
    """x; an error when it is computed and has elements that are no finite numbers."""
    return _finite(value_of(x), message)


verify_tensor_all_finite = check_numerics


# -------------------------------------------------- Python functions


@tf_function
def py_func(func, inp, Tout, stateful=True):
    """func, a function of NumPy arrays, as an operation; no gradient goes through it.

    Args:
        func: function of as many arrays as `inp` has tensors.
        inp: list of tensors.
        Tout: type of the result, or list of types of the results.
        stateful: accepted.
    Differs: the shapes of the results must be known: func is called on zeros once while the graph is built, and sizes
        that change with those of unknown axes are unknown; what it gives must have that shape.
    """
    several = isinstance(Tout, (list, tuple))
    types = tuple(kind_of(t) for t in (Tout if several else [Tout]))
    tensors = [value_of(x) for x in inp]
    shapes = _shapes_of(func, tensors, types)
    results = _py_func(tensors, _Function(func), types, tuple(map(tuple, shapes)))
    for t, shape in zip(results, shapes, strict=True):
        if isinstance(t, KerasTensor):
            t.set_shape([None if isinstance(d, str) else d for d in shape])
    return results if several else results[0]


def py_function(func, inp, Tout, name=None):
    """`py_func`.

    Differs: no gradient goes through it, and the function is given NumPy arrays.
    """
    return py_func(func, inp, Tout, name=name)


numpy_function = py_func


class _Function:
    """A Python function, equal to itself only."""

    def __init__(self, function):
        self.function = function


def _results_of(func, arrays, types):
    found = func(*arrays)
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    if len(found) != len(types):
        raise ValueError(f"py_func: func must give {len(types)} array(s), as Tout says; got {len(found)}.")
    return [np.asarray(v, t) for v, t in zip(found, types, strict=True)]


def _shapes_of(func, tensors, types):
    """The results' shapes: ints, or 'i' where a size is that of the unknown axis number i of the arguments."""
    unknown = [(i, a) for i, t in enumerate(tensors) for a, d in enumerate(t.shape) if d is None]

    def shapes(size):
        full = [[size if d is None else d for d in t.shape] for t in tensors]
        arrays = [np.zeros(s, type_of(t)) for s, t in zip(full, tensors, strict=True)]
        return [v.shape for v in _results_of(func, arrays, types)]

    first = shapes(2)
    if not unknown:
        return first
    second = shapes(3)
    place = "{}.{}".format(*unknown[0])
    return [[a if a == b else place for a, b in zip(*pair, strict=True)] for pair in zip(first, second, strict=True)]


@tensor_op(name="PyFunc")
def _py_func(tensors, function, types, shapes):
    arrays = [jax.lax.stop_gradient(as_array(t)) for t in tensors]

    def size(d):
        if not isinstance(d, str):
            return d
        argument, axis = map(int, d.split("."))
        return arrays[argument].shape[axis]

    wanted = [jax.ShapeDtypeStruct(tuple(map(size, s)), t) for s, t in zip(shapes, types, strict=True)]

    def run(*values):
        found = _results_of(function.function, [np.asarray(v) for v in values], types)
        return [v.reshape(w.shape) for v, w in zip(found, wanted, strict=True)]

    return jax.pure_callback(run, wanted, *arrays)


# -------------------------------------------------- gradients


def gradients(
    ys,
    xs,
    grad_ys=None,
    name="gradients",
    colocate_gradients_with_ops=False,
    gate_gradients=False,
    aggregation_method=None,
    stop_gradients=None,
    unconnected_gradients="none",
):
    """The derivatives of the sum of `ys` with respect to each of `xs`; None where there is no connection.

    Args:
        ys, xs: tensor or list of tensors.
        grad_ys: list of tensors that weigh the elements of `ys`, or None.
        stop_gradients: tensors through which none flows.
        unconnected_gradients: 'none', or 'zero': zeros in place of None.
    """
    ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    wanted = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    if stop_gradients:
        raise NotImplementedError(
            "gradients: stop_gradients is not taken; use tf.stop_gradient on these tensors where the graph is built."
        )
    if grad_ys is not None:
        weights = list(grad_ys) if isinstance(grad_ys, (list, tuple)) else [grad_ys]
        given = {KerasTensor(w.shape, type_of(w)): w for w in (held(value_of(w)) for w in weights if w is not None)}
        stand_ins = iter(given)
        ys = [y if w is None else K.sum(y * next(stand_ins)) for y, w in zip(ys, weights, strict=True)]
    found = K_gradients(ys, wanted)
    if grad_ys is not None:
        # the weights count as constants here, but whoever differentiates the result goes through them
        reached = iter(substitute([g for g in found if g is not None], given))
        found = [g if g is None else next(reached) for g in found]
    if str(getattr(unconnected_gradients, "value", unconnected_gradients)) == "zero":
        found = [K.zeros_like(x) if g is None else g for g, x in zip(found, wanted, strict=True)]
    return found


def hessians(ys, xs, name="hessians", **kwargs):
    """The second derivatives of `ys` with respect to each of `xs`, which are vectors."""
    wanted = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    found = []
    for x in wanted:
        if len(x.shape) != 1 or x.shape[0] is None:
            raise ValueError(f"hessians: xs must be vectors of known size; got shape {tuple(x.shape)}.")
        (first,) = gradients(ys, [x])
        rows = [gradients(first[i], [x])[0] for i in range(x.shape[0])]
        found.append(K.stack([K.zeros_like(x) if r is None else r for r in rows]))
    return found


def custom_gradient(f):
    """Decorator: f(*x) gives (y, function dy -> dx); the derivative of y is taken by that function.

    Differs: it is called while the graph is built, once; variables inside get no gradient of their own.
    """

    def call(*args, **kwargs):
        tensors = [held(value_of(a)) for a in args]
        if not any(isinstance(t, (KerasTensor, Variable)) for t in tensors):
            raise TypeError("custom_gradient: a function with a gradient of its own must be given symbolic tensors.")
        stand_ins = [KerasTensor(t.shape, str(t.dtype)) for t in tensors]
        backward: list = []

        def run(*x):
            y, grad = f(*x, **kwargs)
            backward.append(grad)
            return y

        forward, y, structure = _record(run, stand_ins)
        dy = [KerasTensor(t.shape, str(t.dtype)) for t in y]
        dx, *_ = _record(lambda *d: _as_list(backward[0](*d)), dy)
        given = [*stand_ins, *dy]
        back_outputs = [t if isinstance(t, (KerasTensor, Variable)) else held(t) for t in dx.outputs]
        constants = _outside(forward.outputs, stand_ins) + _outside(back_outputs, given)
        forward = SubGraph([*stand_ins, *constants], forward.outputs)
        back = SubGraph([*given, *constants], back_outputs)
        return held_all(jax.tree.unflatten(structure, _with_gradient(forward, back, tensors, constants)))

    call.__name__ = getattr(f, "__name__", "custom_gradient")
    call.__doc__ = f.__doc__
    return call


def held_all(x):
    return jax.tree.map(held, x)


def _as_list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _outside(outputs, inputs):
    return [c for c in SubGraph(inputs, outputs).captures if not any(c is i for i in inputs)]


@tensor_op(name="IdentityN", context=True)
def _with_gradient(ctx, forward, back, tensors, constants):
    n = len(tensors)

    @jax.custom_vjp
    def apply(tensors, constants):
        return forward(*tensors, *constants, context=ctx)

    def fwd(tensors, constants):
        return apply(tensors, constants), (tensors, constants)

    def bwd(kept, cotangents):
        tensors, constants = kept
        found = back(*tensors, *cotangents, *constants, context=ctx)
        assert len(found) == n, f"custom_gradient: the gradient must have {n} part(s), one for each argument"
        found = [g.astype(t.dtype) for g, t in zip(found, tensors, strict=True)]
        return found, [_no_gradient(c) for c in constants]

    apply.defvjp(fwd, bwd)
    return apply([as_array(t) for t in tensors], [as_array(c) for c in constants])


def _no_gradient(x):
    return jnp.zeros_like(x) if jnp.issubdtype(x.dtype, jnp.inexact) else np.zeros(x.shape, jax.dtypes.float0)
