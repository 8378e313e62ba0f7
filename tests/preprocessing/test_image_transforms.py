"""Transformations: SciPy's and Pillow's answers, single images and whole batches, wrong arguments."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageEnhance
from scipy import ndimage

from kjax.preprocessing import image
from kjax.preprocessing.image import affine, color

MODES = ("constant", "nearest", "reflect", "wrap")


def scipy_warp(images, matrices, mode, cval, order=1):
    return np.stack(
        [
            np.stack(
                [
                    ndimage.affine_transform(x[..., c], m[:2, :2], m[:2, 2], order=order, mode=mode, cval=cval)
                    for c in range(x.shape[-1])
                ],
                axis=-1,
            )
            for x, m in zip(images, matrices, strict=True)
        ]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(MODES), st.sampled_from(["float32", "float64", "uint8", "int16"]))
def test_sampling_is_scipys(seed, mode, dtype):
    rng = np.random.RandomState(seed)
    count, height, width, channels = rng.randint(1, 9, 4)
    x = (rng.rand(count, height, width, channels) * 255).astype(dtype)
    matrices = np.tile(np.eye(3), (count, 1, 1))
    matrices[:, :2, :2] = rng.randn(count, 2, 2)
    matrices[:, :2, 2] = rng.randn(count, 2) * rng.choice([1, 10, 100])
    if seed % 3 == 0:  # positions on pixels and half way between them
        matrices = np.round(matrices * 2) / 2
    upside, mirrored = rng.rand(count) < 0.5, rng.rand(count) < 0.5
    got = affine.warp(x, matrices, mode, 7.0, 1, upside, mirrored)
    want = affine.flip_each(scipy_warp(x, matrices, mode, 7.0), upside, mirrored)
    assert got.dtype == x.dtype
    exact = dtype in ("float32", "float64")
    np.testing.assert_allclose(got, want, rtol=1e-6 if exact else 0, atol=1e-4 if exact else 1)


@pytest.mark.parametrize("order", [0, 2, 3])
def test_other_orders_are_scipys_own(order):
    x = np.random.RandomState(0).rand(2, 6, 5, 3).astype("float32")
    matrices = affine.centered(
        affine.affine_matrices(*np.array([[20.0, -9], [1, 0], [0, 2], [5, 0], [1, 1.2], [1, 1]])), 6, 5
    )
    np.testing.assert_allclose(
        affine.warp(x, matrices, "nearest", 0, order), scipy_warp(x, matrices, "nearest", 0, order)
    )


def test_missing_scipy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    x = np.zeros((4, 4, 3), "float32")
    assert image.apply_affine_transform(x, theta=10).shape == x.shape
    with pytest.raises(ImportError, match=r"pip install 'kjax\[image\]'"):
        image.apply_affine_transform(x, theta=10, order=3)


def test_large_images_and_many():
    rng = np.random.RandomState(3)
    for shape in [(1, 150, 130, 3), (70, 20, 20, 1)]:
        x = rng.rand(*shape).astype("float32")
        parameters = [rng.uniform(-20, 20, shape[0]) for _ in range(4)] + [rng.uniform(0.7, 1.3, shape[0])] * 2
        matrices = affine.centered(affine.affine_matrices(*parameters), *shape[1:3])
        np.testing.assert_allclose(
            affine.warp(x, matrices, "nearest", 0, 1), scipy_warp(x, matrices, "nearest", 0), atol=1e-6
        )


def test_axes_anywhere():
    x = np.random.RandomState(0).rand(6, 9, 3)
    want = image.apply_affine_transform(x, theta=20, tx=1)
    first = image.apply_affine_transform(np.moveaxis(x, 2, 0), theta=20, tx=1, row_axis=1, col_axis=2, channel_axis=0)
    np.testing.assert_allclose(np.moveaxis(first, 0, 2), want)


def test_nothing_to_do_gives_the_same_object():
    x = np.zeros((2, 2, 3))
    assert image.apply_affine_transform(x) is x


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((4, 4), {}, "rank 3"),
        ((4, 4, 3), {"row_axis": 1, "col_axis": 1}, "three different axes"),
        ((4, 4, 3), {"fill_mode": "mirror-ball"}, "fill_mode must be one of .* received 'mirror-ball'"),
    ],
)
def test_wrong_affine_arguments(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        image.apply_affine_transform(np.zeros(shape), theta=3, **arguments)


def test_float16_images():
    x = np.random.RandomState(0).rand(5, 5, 3).astype("float16")
    got = image.apply_affine_transform(x, theta=12)
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, image.apply_affine_transform(x.astype("float32"), theta=12), atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_brightness_is_pillows(channels):
    x = (np.random.RandomState(0).rand(6, 5, channels) * 300 - 20).astype("float32")
    for factor in (0.0, 0.4, 1.0, 1.7):
        bright = ImageEnhance.Brightness(image.array_to_img(x)).enhance(factor)
        np.testing.assert_array_equal(image.apply_brightness_shift(x, factor), image.img_to_array(bright))


def test_batches_change_colour_like_single_images():
    x = (np.random.RandomState(0).rand(4, 6, 5, 3) * 255).astype("float32")
    amounts = np.array([0.5, 1.0, 1.3, 2.0])
    np.testing.assert_array_equal(
        color.brighten_each(x, amounts), [image.apply_brightness_shift(*pair) for pair in zip(x, amounts, strict=True)]
    )
    np.testing.assert_allclose(
        color.shift_each(x, amounts * 30), [image.apply_channel_shift(*p) for p in zip(x, amounts * 30, strict=True)]
    )
    assert color.brighten_each(np.zeros((1, 2, 2, 3), "float32"), amounts[:1]).max() == 0


def test_wrong_ranges():
    x = np.zeros((4, 4, 3))
    with pytest.raises(ValueError, match="zoom_range must be two factors, received 0.3"):
        image.random_zoom(x, 0.3)
    with pytest.raises(ValueError, match="brightness_range must be two factors"):
        image.random_brightness(x, [1])
    with pytest.raises(ValueError, match="1, 3 or 4 channels"):
        image.apply_brightness_shift(np.zeros((4, 4, 2)), 1.0)
    with pytest.raises(ValueError, match="one image of rank 3"):
        image.apply_brightness_shift(np.zeros((4, 4)), 1.0)


def test_random_functions_draw_once_each():
    x = np.random.RandomState(0).rand(5, 5, 3)
    axes = dict(row_axis=0, col_axis=1, channel_axis=2)
    np.random.seed(1)
    theta = np.random.uniform(-30, 30)
    np.random.seed(1)
    np.testing.assert_array_equal(image.random_rotation(x, 30, **axes), image.apply_affine_transform(x, theta=theta))
    np.random.seed(1)
    assert image.random_zoom(x, (1, 1), **axes) is x
    assert np.random.uniform(-30, 30) == theta


def test_old_helpers():
    np.testing.assert_array_equal(
        image.transform_matrix_offset_center(np.diag([2.0, 2, 1]), 5, 8), [[2, 0, -3], [0, 2, -4.5], [0, 0, 1]]
    )
    np.testing.assert_array_equal(image.flip_axis(np.arange(4).reshape(2, 2), 1), [[1, 0], [3, 2]])


@pytest.mark.parametrize(
    ("options", "augment", "mean", "std"),
    [
        ({}, False, 0.4958404, 0.2815327),
        ({"rotation_range": 30, "fill_mode": "constant", "cval": 100.0}, True, 50.6619, 49.7512),
        ({"channel_shift_range": 50.0}, True, 0.49187768, 0.41316274),
        ({"brightness_range": (0.5, 1.5)}, True, 117.5, 82.830635),
    ],
)
def test_statistics_are_learned_from_rescaled_images(options, augment, mean, std):
    """The figures are keras_preprocessing 1.1.2's."""
    x = (np.random.RandomState(3).rand(40, 3, 4, 1) * 255).astype("float32")
    settings = {"rescale": 1 / 255.0, "featurewise_center": True, "featurewise_std_normalization": True, **options}
    generator = image.ImageDataGenerator(data_format="channels_last", **settings)
    generator.fit(x, augment=augment, rounds=2, seed=1)
    np.testing.assert_allclose([generator.mean.item(), generator.std.item()], [mean, std], rtol=1e-5)
