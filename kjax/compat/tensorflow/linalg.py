"""Matrices and transforms, under TensorFlow's names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.operation import as_array, tensor_op
from kjax.compat.tensorflow.reductions import axes as axes_in_any_form
from kjax.compat.tensorflow.tensors import kind_of, tf_function, value_of

# -------------------------------------------------- products


def _stacked(tensors, args, kwargs):
    """Both carry the batch in front of their matrices, or the first alone does."""
    a, b = args[0], args[1]
    first_only = len(tensors) == 1 and tensors[0] is a and len(a.shape) >= 2 and not args[2] and not args[3]
    both = len(tensors) == 2 and len(a.shape) == len(b.shape) > 2
    return both or (first_only and (len(a.shape) > 2 or len(b.shape) == 2) and len(b.shape) <= 2)


@tensor_op(name="MatMul", rowwise=_stacked)
def _matmul(a, b, transpose_a, transpose_b, conjugate_a, conjugate_b):
    a, b = as_array(a), as_array(b)
    a, b = (jnp.conj(v) if c else v for v, c in ((a, conjugate_a), (b, conjugate_b)))
    a, b = (jnp.swapaxes(v, -1, -2) if t else v for v, t in ((a, transpose_a), (b, transpose_b)))
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(
            f"matmul: a must have as many columns as b has rows; got shapes {tuple(a.shape)} and {tuple(b.shape)}."
        )
    return jnp.matmul(a, b)


@tf_function
def matmul(
    a,
    b,
    transpose_a=False,
    transpose_b=False,
    adjoint_a=False,
    adjoint_b=False,
    a_is_sparse=False,
    b_is_sparse=False,
):
    """Products of the matrices in the last two axes."""
    a, b = value_of(a), value_of(b)
    if len(a.shape) < 2 or len(b.shape) < 2:
        raise ValueError(f"matmul: a and b must have rank 2 or more; got {tuple(a.shape)} and {tuple(b.shape)}.")
    return _matmul(a, b, transpose_a or adjoint_a, transpose_b or adjoint_b, bool(adjoint_a), bool(adjoint_b))


@tf_function(old={"adj_x": "adjoint_a", "adj_y": "adjoint_b", "x": "a", "y": "b"})
def batch_matmul(a, b, adjoint_a=False, adjoint_b=False):
    """Products of the matrices in the last two axes."""
    return matmul(a, b, adjoint_a=adjoint_a, adjoint_b=adjoint_b)


@tf_function
def matvec(a, b, transpose_a=False):
    """Products of matrices and the vectors in the last axis."""
    return K.squeeze(matmul(a, K.expand_dims(value_of(b), -1), transpose_a=transpose_a), -1)


@tf_function
def tensordot(a, b, axes):
    """The sum of products over `axes`: so many last and first ones, or a pair of lists."""
    a, b = value_of(a), value_of(b)
    axes = (
        axes_in_any_form(axes)
        if isinstance(axes, (int, np.integer))
        else tuple(tuple(np.atleast_1d(np.asarray(v)).tolist()) for v in axes)
    )
    return _tensordot(a, b, axes)


def _keeps_first(tensors, args, kwargs):
    a, _, axes = args
    if len(tensors) != 1 or tensors[0] is not a:
        return False
    summed = range(len(a.shape) - axes, len(a.shape)) if isinstance(axes, int) else [x % len(a.shape) for x in axes[0]]
    return 0 not in summed


@tensor_op(name="Tensordot", rowwise=_keeps_first)
def _tensordot(a, b, axes):
    return jnp.tensordot(as_array(a), as_array(b), axes)


def _same_first_letter(tensors, args, kwargs):
    """The batch has a letter that all inputs with a batch and the result begin with."""
    equation, inputs = args
    if "." in equation or "->" not in equation:
        return False
    terms, result = equation.replace(" ", "").split("->")
    terms = terms.split(",")
    if len(terms) != len(inputs) or not result:
        return False
    batch = {id(t) for t in tensors}
    for term, x in zip(terms, inputs, strict=True):
        if id(x) in batch and not term.startswith(result[0]):
            return False
        if result[0] in (term[1:] if id(x) in batch else term):
            return False
    return True


@tensor_op(name="Einsum", rowwise=_same_first_letter)
def _einsum(equation, inputs):
    return jnp.einsum(equation, *(as_array(x) for x in inputs))


@tf_function
def einsum(equation, *inputs):
    """Sums of products, as the equation says: 'ij,jk->ik'."""
    return _einsum(equation, [value_of(x) for x in inputs])


@tf_function
def cross(a, b):
    """The cross products of vectors of three."""
    return _cross(value_of(a), value_of(b))


@tensor_op(name="Cross", rowwise=True)
def _cross(a, b):
    return jnp.cross(as_array(a), as_array(b))


# -------------------------------------------------- of one matrix, or a stack of them


def _of_matrix(name, compute, doc, argument="input"):
    operation = tensor_op(lambda x: compute(as_array(x)), name=name)

    @tf_function(old={argument: "input"} if argument != "input" else None)
    def function(input):
        return operation(value_of(input))

    function.__name__, function.__doc__ = name, doc
    return function


def _diag_part(x):
    half = x.ndim // 2
    n = int(np.prod(x.shape[:half]))
    return jnp.diagonal(x.reshape(n, n)).reshape(x.shape[:half])


def _matrix_diag(x):
    return x[..., None] * jnp.eye(x.shape[-1], dtype=x.dtype)


matrix_determinant = _of_matrix("matrix_determinant", jnp.linalg.det, "Determinants.")
trace = _of_matrix("trace", lambda x: jnp.trace(x, axis1=-2, axis2=-1), "Sums of the diagonals.", "x")
diag = _of_matrix(
    "diag",
    lambda x: jnp.diag(x.reshape(-1)).reshape(x.shape + x.shape),
    "A tensor of twice the rank with these elements on its diagonal.",
    "diagonal",
)
diag_part = _of_matrix("diag_part", _diag_part, "The diagonal of a tensor of even rank.")
matrix_diag = _of_matrix("matrix_diag", _matrix_diag, "Matrices with these diagonals.", "diagonal")
matrix_diag_part = _of_matrix(
    "matrix_diag_part", lambda x: jnp.diagonal(x, axis1=-2, axis2=-1), "The diagonals of matrices."
)
expm = _of_matrix("expm", jax.scipy.linalg.expm, "Matrix exponentials.")
logdet = _of_matrix("logdet", lambda x: jnp.linalg.slogdet(x)[1], "Logarithms of the determinants.", "matrix")
cholesky = _of_matrix("cholesky", jnp.linalg.cholesky, "Lower triangular L with L L^T = x.")
self_adjoint_eigvals = _of_matrix(
    "self_adjoint_eigvals", jnp.linalg.eigvalsh, "Eigenvalues of symmetric matrices.", "tensor"
)


@tensor_op(name="SelfAdjointEigV2")
def _eigh(x):
    return list(jnp.linalg.eigh(as_array(x)))


@tf_function
def self_adjoint_eig(tensor):
    """(eigenvalues in ascending order, eigenvectors) of symmetric matrices."""
    return tuple(_eigh(value_of(tensor)))


@tensor_op(name="Svd")
def _svd(x, full, vectors):
    if not vectors:
        return [jnp.linalg.svd(as_array(x), compute_uv=False)]
    u, s, vh = jnp.linalg.svd(as_array(x), full_matrices=full)
    return [s, u, jnp.conj(jnp.swapaxes(vh, -1, -2))]


@tf_function
def svd(tensor, full_matrices=False, compute_uv=True):
    """(s, u, v) with u diag(s) v^H = x; without `compute_uv` s alone."""
    found = _svd(value_of(tensor), bool(full_matrices), bool(compute_uv))
    return tuple(found) if compute_uv else found[0]


@tensor_op(name="Qr")
def _qr(x, full):
    return list(jnp.linalg.qr(as_array(x), mode="complete" if full else "reduced"))


@tf_function
def qr(input, full_matrices=False):
    """(q, r) with q r = x, q orthogonal, r upper triangular."""
    return tuple(_qr(value_of(input), bool(full_matrices)))


@tensor_op(name="LogMatrixDeterminant")
def _slogdet(x):
    return list(jnp.linalg.slogdet(as_array(x)))


@tf_function
def slogdet(input):
    """(sign, log |determinant|)."""
    return tuple(_slogdet(value_of(input)))


@tensor_op(name="MatrixInverse")
def _inverse(x, adjoint):
    x = as_array(x)
    return jnp.linalg.inv(jnp.conj(jnp.swapaxes(x, -1, -2)) if adjoint else x)


@tf_function
def matrix_inverse(input, adjoint=False):
    """Inverse matrices."""
    return _inverse(value_of(input), bool(adjoint))


@tensor_op(name="MatrixSolve")
def _solve(a, b, adjoint):
    a = as_array(a)
    return jnp.linalg.solve(jnp.conj(jnp.swapaxes(a, -1, -2)) if adjoint else a, as_array(b))


@tf_function
def matrix_solve(matrix, rhs, adjoint=False):
    """x with matrix x = rhs."""
    return _solve(value_of(matrix), value_of(rhs), bool(adjoint))


@tensor_op(name="MatrixTriangularSolve")
def _triangular(a, b, lower, adjoint):
    return jax.scipy.linalg.solve_triangular(as_array(a), as_array(b), lower=lower, trans="C" if adjoint else "N")


@tf_function
def matrix_triangular_solve(matrix, rhs, lower=True, adjoint=False):
    """x with matrix x = rhs, the matrix being triangular."""
    return _triangular(value_of(matrix), value_of(rhs), bool(lower), bool(adjoint))


@tf_function
def cholesky_solve(chol, rhs):
    """x with chol chol^T x = rhs."""
    return matrix_triangular_solve(chol, matrix_triangular_solve(chol, rhs), adjoint=True)


@tensor_op(name="MatrixTranspose")
def _transposed(x, conjugate):
    x = jnp.swapaxes(as_array(x), -1, -2)
    return jnp.conj(x) if conjugate else x


@tf_function
def matrix_transpose(a, conjugate=False):
    """The last two axes exchanged."""
    return _transposed(value_of(a), bool(conjugate))


@tf_function
def adjoint(matrix):
    """The last two axes exchanged, conjugate complex."""
    return _transposed(value_of(matrix), True)


@tensor_op(name="MatrixBandPart")
def _band(x, lower, upper):
    x = as_array(x)
    rows, columns = jnp.arange(x.shape[-2])[:, None], jnp.arange(x.shape[-1])[None, :]
    keep = ((lower < 0) | (rows - columns <= lower)) & ((upper < 0) | (columns - rows <= upper))
    return jnp.where(keep, x, jnp.zeros((), x.dtype))


@tf_function
def matrix_band_part(input, num_lower, num_upper):
    """Matrices with zeros outside of so many diagonals below and above the main one (negative: all)."""
    return _band(value_of(input), value_of(num_lower), value_of(num_upper))


@tensor_op(name="MatrixSetDiag")
def _set_diag(x, diagonal):
    x = as_array(x)
    n = min(x.shape[-2:])
    at = jnp.arange(n)
    return x.at[..., at, at].set(as_array(diagonal))


@tf_function
def matrix_set_diag(input, diagonal):
    """Matrices with other diagonals."""
    return _set_diag(value_of(input), value_of(diagonal))


# -------------------------------------------------- transforms


def _transform(name, compute, doc):
    operation = tensor_op(lambda x: compute(as_array(x)), name=name)

    @tf_function
    def function(input):
        return operation(value_of(input))

    function.__name__, function.__doc__ = name, doc
    return function


fft = _transform("fft", jnp.fft.fft, "Fourier transform along the last axis.")
ifft = _transform("ifft", jnp.fft.ifft, "Inverse Fourier transform along the last axis.")
fft2d = _transform("fft2d", jnp.fft.fft2, "Fourier transform along the last two axes.")
ifft2d = _transform("ifft2d", jnp.fft.ifft2, "Inverse Fourier transform along the last two axes.")
fft3d = _transform(
    "fft3d", lambda x: jnp.fft.fftn(x, axes=(-3, -2, -1)), "Fourier transform along the last three axes."
)
ifft3d = _transform("ifft3d", lambda x: jnp.fft.ifftn(x, axes=(-3, -2, -1)), "The inverse of `fft3d`.")


def _real_transform(name, compute, n, doc):
    operation = tensor_op(lambda x, size: compute(as_array(x), size), name=name)

    @tf_function
    def function(input_tensor, fft_length=None):
        size = None if fft_length is None else tuple(int(v) for v in np.asarray(fft_length).reshape(-1))
        return operation(value_of(input_tensor), size)

    function.__name__, function.__doc__ = name, doc
    return function


rfft = _real_transform(
    "rfft", lambda x, n: jnp.fft.rfft(x, n and n[0]), 1, "Half of the Fourier transform of real numbers."
)
irfft = _real_transform("irfft", lambda x, n: jnp.fft.irfft(x, n and n[0]), 1, "The inverse of `rfft`.")
rfft2d = _real_transform("rfft2d", lambda x, n: jnp.fft.rfft2(x, n), 2, "`rfft` along the last two axes.")
irfft2d = _real_transform("irfft2d", lambda x, n: jnp.fft.irfft2(x, n), 2, "The inverse of `rfft2d`.")


@tf_function
def hann_window(window_length, periodic=True, dtype="float32"):
    """0.5 - 0.5 cos(2 pi i / n)."""
    n = int(window_length)
    turns = n if periodic else n - 1
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / max(turns, 1)), kind_of(dtype))


@tf_function
def frame(signal, frame_length, frame_step, pad_end=False, pad_value=0, axis=-1):
    """(..., frames, frame_length): overlapping pieces of the last axis."""
    if axis != -1:
        raise NotImplementedError(f"frame: axis must be -1; got {axis!r}.")
    return _frames(value_of(signal), int(frame_length), int(frame_step), bool(pad_end), pad_value)


@tensor_op(name="frame")
def _frames(x, length, step, pad_end, value):
    x = as_array(x)
    n = -(-x.shape[-1] // step) if pad_end else max(0, 1 + (x.shape[-1] - length) // step)
    if pad_end:
        missing = max(0, (n - 1) * step + length - x.shape[-1])
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)], constant_values=value)
    return x[..., np.arange(n)[:, None] * step + np.arange(length)[None, :]]


@tf_function
def stft(signals, frame_length, frame_step, fft_length=None, window_fn=hann_window, pad_end=False):
    """The Fourier transforms of overlapping pieces, each times a window."""
    pieces = frame(signals, frame_length, frame_step, pad_end)
    if window_fn is not None:
        pieces = pieces * window_fn(int(frame_length))
    size = 2 ** int(np.ceil(np.log2(int(frame_length)))) if fft_length is None else int(fft_length)
    return rfft(pieces, [size])
