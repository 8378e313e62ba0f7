"""Images: resizing, crops, boxes, under TensorFlow's names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kjax import backend as K
from kjax.backend.convolutions import first_only
from kjax.backend.operation import as_array, int_of, tensor_op
from kjax.compat.tensorflow.counted import counted, known
from kjax.compat.tensorflow.shapes import pad as tf_pad
from kjax.compat.tensorflow.shapes import sizes_of
from kjax.compat.tensorflow.tensors import held, tf_function, value_of
from kjax.graph.context import unknown_size

# -------------------------------------------------- resizing


class ResizeMethod:
    """How images are resized."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


_METHODS = {"bilinear": 0, "nearest": 1, "bicubic": 2, "area": 3}


def _places(n, m, align_corners, half_pixel):
    """Where each of m outputs lies among n inputs; float32, as the sums differ in the last digit."""
    m_range = np.arange(m, dtype=np.float32)
    if align_corners and m > 1:
        return m_range * np.float32((n - 1) / (m - 1))
    scale = np.float32(n) / np.float32(m)
    return (m_range + np.float32(0.5)) * scale - np.float32(0.5) if half_pixel else m_range * scale


def _mix(x, axis, index, weights):
    """sum over k of weights[k] x[index[k]] along an axis."""
    total = 0
    for i, w in zip(index, weights, strict=True):
        shape = [-1 if a == axis else 1 for a in range(x.ndim)]
        total = total + jnp.take(x, jnp.asarray(i), axis) * jnp.asarray(w, x.dtype).reshape(shape)
    return total


def _linear(n, m, align, half):
    at = _places(n, m, align, half)
    low = np.floor(at)
    t = at - low
    first = np.clip(low, 0, n - 1).astype(int)
    return [first, np.clip(low + 1, 0, n - 1).astype(int)], [1 - t, t]


def _cubic(n, m, align, half):
    """Keys' interpolation, a = -0.75 (half-pixel centres: -0.5, and taps beyond the edge do not count)."""
    at = _places(n, m, align, half)
    a, low = (-0.5 if half else -0.75), np.floor(at)
    # the kernel is tabulated at 1024 places between two elements
    t = np.rint((at - low) * 1024) / 1024
    index, weights = [], []
    for k in range(-1, 3):
        d = np.abs(t - k)
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        w = np.where(d <= 1, near, np.where(d < 2, far, 0))
        i = low + k
        if half:
            w = np.where((i < 0) | (i > n - 1), 0, w)
        index.append(np.clip(i, 0, n - 1).astype(int))
        weights.append(w)
    return index, [w / sum(weights) for w in weights] if half else weights


def _mean_matrix(n, m, align):
    """(m, n): how much of each input lies within each output."""
    scale = (n - 1) / (m - 1) if align and m > 1 else n / m
    start = np.arange(m)[:, None] * scale
    cells = np.arange(n)[None, :]
    share = np.clip(np.minimum(cells + 1, start + scale) - np.maximum(cells, start), 0, None)
    return share / share.sum(1, keepdims=True)


@tensor_op(name="Resize", rowwise=first_only)
def _resize(x, size, method, align, half):
    x = as_array(x)
    size = [int_of(n) for n in (size if isinstance(size, (list, tuple)) else np.asarray(size))]
    if method != 1:
        x = x.astype(jnp.float32) if not jnp.issubdtype(x.dtype, jnp.floating) else x
    for axis, m in zip((1, 2), size, strict=True):
        n = x.shape[axis]
        if method == 1:
            at = _places(n, m, align, False)
            if half:
                at = np.floor((np.arange(m, dtype=np.float32) + np.float32(0.5)) * (np.float32(n) / np.float32(m)))
            index = np.floor(at + 0.5) if align else np.floor(at)
            x = jnp.take(x, jnp.asarray(np.clip(index, 0, n - 1).astype(int)), axis)
        elif method == 3:
            x = jnp.moveaxis(jnp.tensordot(jnp.asarray(_mean_matrix(n, m, align), x.dtype), x, (1, axis)), 0, axis)
        else:
            x = _mix(x, axis, *(_linear if method == 0 else _cubic)(n, m, align, half))
    return x


def _resizer(name, method):
    @tf_function
    def function(images, size, align_corners=False, half_pixel_centers=False):
        return _resize(value_of(images), sizes_of(size), method, bool(align_corners), bool(half_pixel_centers))

    function.__name__ = name
    function.__doc__ = "Images (n, rows, columns, channels) in another size (rows, columns)."
    return function


resize_bilinear = _resizer("resize_bilinear", 0)
resize_nearest_neighbor = _resizer("resize_nearest_neighbor", 1)
resize_bicubic = _resizer("resize_bicubic", 2)
resize_area = _resizer("resize_area", 3)


def _batched(image, compute):
    """compute(images), also for a single image of rank 3."""
    x = value_of(image)
    if len(x.shape) == 3:
        return K.squeeze(compute(K.expand_dims(x, 0)), 0)
    if len(x.shape) != 4:
        raise ValueError(f"images must have rank 3 or 4; got shape {tuple(x.shape)}.")
    return compute(x)


@tf_function
def resize_images(images, size, method=0, align_corners=False, preserve_aspect_ratio=False):
    """Images, or one, in another size (rows, columns); float32 unless the size stays or `method` is 1 (nearest).

    Args:
        method: a ResizeMethod (0 bilinear, 1 nearest, 2 bicubic, 3 area) or its name.
        preserve_aspect_ratio: whether the largest size within `size` of the same proportions is taken instead.
    """
    method, x = _METHODS.get(method, method), value_of(images)
    size = sizes_of(size)
    old = [x.shape[-3], x.shape[-2]]
    if preserve_aspect_ratio:
        scale = min(size[0] / old[0], size[1] / old[1])
        size = [int(round(scale * n)) for n in old]
    if isinstance(size, list) and size == old:
        return x
    return _batched(x, lambda x: _resize(x, size, method, bool(align_corners), False))


@tf_function
def resize(images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False):
    """As `resize_images`, with half-pixel centres, as TensorFlow 2 does."""
    if antialias or preserve_aspect_ratio:
        raise NotImplementedError("image.resize: antialias and preserve_aspect_ratio are not taken.")
    method = _METHODS.get(method, method)
    return _batched(images, lambda x: _resize(x, sizes_of(size), method, False, method != 3))


# -------------------------------------------------- crops


@tf_function
def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """The part of images with this corner and size."""
    top, left = int(offset_height), int(offset_width)
    bottom, right = top + int(target_height), left + int(target_width)
    return _batched(image, lambda x: held(x)[:, top:bottom, left:right, :])


@tf_function
def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """Images with zeros around, of this size, the image at the offset."""

    def padded(x):
        after = [int(target_height) - offset_height - x.shape[1], int(target_width) - offset_width - x.shape[2]]
        return tf_pad(x, [[0, 0], [offset_height, after[0]], [offset_width, after[1]], [0, 0]])

    return _batched(image, padded)


@tf_function
def resize_image_with_crop_or_pad(image, target_height, target_width):
    """The middle of images, or images with zeros around, of this size."""

    def fitted(x):
        for axis, size in ((1, int(target_height)), (2, int(target_width))):
            n = int(x.shape[axis])
            if n > size:
                start = (n - size) // 2
                x = held(x)[(slice(None),) * axis + (slice(start, start + size),)]
            elif n < size:
                before = (size - n) // 2
                pads = [[0, 0] for _ in range(4)]
                pads[axis] = [before, size - n - before]
                x = tf_pad(x, pads)
        return x

    return _batched(image, fitted)


@tf_function
def central_crop(image, central_fraction):
    """The middle of images, this share of each side."""

    def middle(x):
        starts = [int((n - n * central_fraction) / 2) for n in (x.shape[1], x.shape[2])]
        return held(x)[:, starts[0] : x.shape[1] - starts[0], starts[1] : x.shape[2] - starts[1], :]

    return _batched(image, middle)


# -------------------------------------------------- boxes


@tf_function
def crop_and_resize(
    image, boxes, box_ind=None, crop_size=None, method="bilinear", extrapolation_value=0, box_indices=None
):
    """Pieces of images in one size.

    Args:
        image: (n, rows, columns, channels).
        boxes: (m, 4): top, left, bottom, right; 0..1 within the image.
        box_ind: (m,): the number of each box's image.
        crop_size: (rows, columns).
        method: 'bilinear' or 'nearest'.
        extrapolation_value: number outside of the image.
    """
    which = box_indices if box_ind is None else box_ind
    size = tuple(sizes_of(crop_size))
    return _pieces(value_of(image), value_of(boxes), value_of(which), size, method, extrapolation_value)


@tensor_op(name="CropAndResize")
def _pieces(image, boxes, which, size, method, outside):
    image, boxes = as_array(image).astype(jnp.float32), as_array(boxes)
    which = as_array(which).astype(jnp.int32)

    def grid(start, end, n, m):
        if m == 1:
            return (0.5 * (start + end) * (n - 1))[:, None]
        step = (end - start) * (n - 1) / (m - 1)
        return (start * (n - 1))[:, None] + jnp.arange(m, dtype=boxes.dtype) * step[:, None]

    h, w = image.shape[1:3]
    ys, xs = grid(boxes[:, 0], boxes[:, 2], h, int_of(size[0])), grid(boxes[:, 1], boxes[:, 3], w, int_of(size[1]))
    inside = ((ys >= 0) & (ys <= h - 1))[:, :, None] & ((xs >= 0) & (xs <= w - 1))[:, None, :]

    def at(y, x):
        y, x = (jnp.clip(v.astype(jnp.int32), 0, n - 1) for v, n in ((y, h), (x, w)))
        return image[which[:, None, None], y[:, :, None], x[:, None, :]]

    if method == "nearest":
        found = at(jnp.round(ys), jnp.round(xs))
    elif method == "bilinear":
        top, left = (jax.lax.stop_gradient(jnp.floor(v)) for v in (ys, xs))
        bottom, right = (jax.lax.stop_gradient(jnp.ceil(v)) for v in (ys, xs))
        dy, dx = (ys - top)[:, :, None, None], (xs - left)[:, None, :, None]
        upper = at(top, left) + (at(top, right) - at(top, left)) * dx
        lower = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * dx
        found = upper + (lower - upper) * dy
    else:
        raise ValueError(f"crop_and_resize: method must be 'bilinear' or 'nearest'; got {method!r}.")
    return jnp.where(inside[..., None], found, outside)


@tf_function
def non_max_suppression(boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=float("-inf")):
    """The indices of boxes, best score first, of which no two overlap by more than `iou_threshold`.

    Args:
        boxes: (n, 4): two opposite corners each (y, x, y, x).
        scores: (n,).
        max_output_size: int: how many at most.
        score_threshold: boxes with lower scores are left out.
    """
    return _suppressed(value_of(boxes), value_of(scores), max_output_size, iou_threshold, score_threshold)


@counted(name="NonMaxSuppression")
def _suppressed(boxes, scores, most, overlap, least):
    if unknown_size() is not None:
        return jnp.zeros((unknown_size(),), jnp.int32)
    boxes, scores, most, overlap, least = (known(v) for v in (boxes, scores, most, overlap, least))
    kept, _ = _suppress(boxes, scores, int(most), float(overlap), float(least))
    return jnp.asarray(np.asarray(kept, np.int32))


def _suppress(boxes, scores, most, overlap, least):
    corners = np.stack([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], 1)
    areas = np.prod(corners[:, 1] - corners[:, 0], 1)
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if len(kept) >= most or not scores[i] > least:
            break
        common = np.minimum(corners[i, 1], corners[kept, 1]) - np.maximum(corners[i, 0], corners[kept, 0])
        common = np.prod(np.clip(common, 0, None), 1)
        union = areas[i] + areas[kept] - common
        share = np.where((areas[i] > 0) & (areas[kept] > 0), common / np.where(union > 0, union, 1), 0)
        if not np.any(share > overlap):
            kept.append(int(i))
    return kept, scores[kept]


@tf_function
def non_max_suppression_padded(
    boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=float("-inf"), pad_to_max_output_size=False
):
    """(indices, how many count): as `non_max_suppression`, filled up with zeros where asked for."""
    found = non_max_suppression(boxes, scores, max_output_size, iou_threshold, score_threshold)
    count = K.shape(found)[0]
    if not pad_to_max_output_size:
        return found, count
    return _filled_up(found, int(max_output_size)), count


@tensor_op(name="PadV2")
def _filled_up(indices, size):
    indices = as_array(indices)
    return jnp.zeros((size,), indices.dtype).at[: indices.shape[0]].set(indices)
