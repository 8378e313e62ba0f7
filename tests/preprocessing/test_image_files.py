"""Image files of every kind: read, written, refused with the file's name."""

import sys

import numpy as np
import pytest
from PIL import Image

from kjax.preprocessing import image

PIXELS = np.random.RandomState(0).randint(0, 256, (9, 7, 3)).astype("uint8")


def save(path, mode="RGB", **options):
    Image.fromarray(PIXELS).convert(mode).save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "ppm", "tif", "gif", "jpg", "webp"])
@pytest.mark.parametrize(("color_mode", "channels"), [("rgb", 3), ("rgba", 4), ("grayscale", 1)])
def test_every_format(tmp_path, ending, color_mode, channels):
    path = save(tmp_path / f"a.{ending}", "P" if ending == "gif" else "RGB")
    got = image.img_to_array(image.load_img(path, color_mode=color_mode))
    assert got.shape == (9, 7, channels) and got.dtype == np.float32
    if color_mode == "rgb" and ending in ("png", "bmp", "ppm", "tif"):
        np.testing.assert_array_equal(got, PIXELS)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = save(tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr") else "a.png"), mode)
    assert image.img_to_array(image.load_img(path)).shape == (9, 7, 3)


def test_transparent_palette(tmp_path):
    path = save(tmp_path / "a.png", "P", transparency=3)
    assert image.img_to_array(image.load_img(path, color_mode="rgba")).shape == (9, 7, 4)


@pytest.mark.parametrize(("dtype", "ending"), [("uint16", "png"), ("uint16", "tif"), ("int32", "tif")])
def test_deep_grey_keeps_its_depth(tmp_path, dtype, ending):
    values = (np.arange(20).reshape(4, 5) * 3000).astype(dtype)
    path = tmp_path / f"a.{ending}"
    Image.fromarray(values).save(path)
    np.testing.assert_array_equal(image.img_to_array(image.load_img(path, color_mode="grayscale"))[..., 0], values)


def test_animation_gives_its_first_picture(tmp_path):
    frames = [Image.fromarray(np.full((4, 4), v, "uint8")) for v in (10, 200)]
    for ending in ("gif", "png"):
        path = tmp_path / f"a.{ending}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert image.img_to_array(image.load_img(path)).max() < 20


def test_resizing(tmp_path):
    path = save(tmp_path / "a.png")
    for method in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"):
        assert image.load_img(path, target_size=(5, 6), interpolation=method).size == (6, 5)
    with pytest.raises(ValueError, match="interpolation must be one of .* received 'cubic'"):
        image.load_img(path, target_size=(5, 6), interpolation="cubic")
    with pytest.raises(ValueError, match="color_mode must be one of .* received 'bgr'"):
        image.load_img(path, color_mode="bgr")
    with pytest.warns(UserWarning, match="grayscale is deprecated"):
        assert image.load_img(path, grayscale=True).mode == "L"


def test_files_that_are_no_images(tmp_path):
    whole = save(tmp_path / "whole.png").read_bytes()
    jpeg = save(tmp_path / "whole.jpg").read_bytes()
    broken = {
        "empty.png": b"",
        "text.jpg": b"hello",
        "short.png": whole[: len(whole) // 2],
        "short.jpg": jpeg[: len(jpeg) // 2],
        "damaged.png": whole[:60] + bytes(len(whole) - 60),
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(OSError, match=f"{name}: cannot be read as an image"):
            image.load_img(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="missing.png"):
        image.load_img(tmp_path / "missing.png")


def test_a_picture_that_would_fill_the_memory(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(OSError, match="a.png: cannot be read as an image: .*decompression bomb"):
        image.load_img(path)


def test_array_to_img_and_back():
    for channels in (1, 3, 4):
        x = np.random.RandomState(1).randint(0, 256, (5, 4, channels)).astype("float32")
        np.testing.assert_array_equal(image.img_to_array(image.array_to_img(x, scale=False)), x)
        first = image.array_to_img(x.transpose(2, 0, 1), data_format="channels_first", scale=False)
        np.testing.assert_array_equal(image.img_to_array(first, data_format="channels_first"), x.transpose(2, 0, 1))
    deep = image.array_to_img(np.full((2, 2, 1), 1000.0), scale=False)
    assert deep.mode == "I" and image.img_to_array(deep).max() == 1000
    scaled = image.img_to_array(image.array_to_img(np.array([[[-1.0], [3.0]]])))
    assert scaled.ravel().tolist() == [0, 255]
    assert image.img_to_array(np.zeros((3, 2)), dtype="float64").dtype == np.float64


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ((2, 2), {}, "rank 3"),
        ((2, 2, 2), {}, "1, 3 or 4 channels, received 2"),
        ((2, 2, 3), {"data_format": "last"}, "data_format must be one of"),
    ],
)
def test_arrays_that_are_no_images(shape, arguments, message):
    with pytest.raises(ValueError, match=message):
        image.array_to_img(np.zeros(shape), **arguments)


def test_img_to_array_ranks():
    with pytest.raises(ValueError, match=r"rank 2 or 3, received shape \(2,\)"):
        image.img_to_array(np.zeros(2))


def test_save_img(tmp_path):
    x = PIXELS.astype("float32")
    image.save_img(tmp_path / "a.png", x, scale=False)
    np.testing.assert_array_equal(image.img_to_array(image.load_img(tmp_path / "a.png")), x)
    with pytest.warns(UserWarning, match="does not support RGBA"):
        image.save_img(tmp_path / "b.jpg", np.dstack([x, x[..., :1]]))
    image.save_img(tmp_path / "c", x, file_format="jpg", quality=95)
    assert image.load_img(tmp_path / "c").size == (7, 9)


def test_list_pictures(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "sub/b.JPG", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    assert {p.rsplit("/", 1)[-1] for p in image.list_pictures(str(tmp_path))} == {"a.png", "b.JPG"}


def test_missing_pillow_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"pip install 'kjax\[image\]'"):
        image.array_to_img(np.zeros((2, 2, 3)))
