"""Applications against facts recorded from keras_applications 1.0.8: structure, names, counts, numbers, arguments."""

import hashlib
import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from kjax import applications, layers
from kjax import backend as K
from kjax.applications import common, imagenet_utils, published
from kjax.models import Model
from tests.utils.server import Files, serving

FACTS = json.loads((Path(__file__).parents[1] / "data" / "applications.json").read_text())
LARGE = ("NASNetLarge", "ResNeXt101", "ResNet152", "ResNet152V2", "DenseNet201", "InceptionResNetV2")


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


def builder(name):
    module, function = name.split(" ")[0].split(".")
    return getattr(importlib.import_module("kjax.applications." + module), function)


def digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def marked(names):
    return [pytest.param(n, marks=pytest.mark.slow) if n.split(".")[1].split(" ")[0] in LARGE else n for n in names]


@pytest.mark.parametrize("name", marked(FACTS["models"]))
def test_structure(name):
    """Names, classes, connections, output shapes, weights and their order, counts."""
    facts = FACTS["models"][name]
    model = builder(name)(weights=None, include_top="without top" not in name)
    assert (model.name, list(model.input_shape), list(model.output_shape)) == (
        facts["name"],
        facts["input"],
        facts["output"],
    )
    assert len(model.layers) == facts["count"]
    if "layers" in facts:
        assert [f"{layer.name}:{type(layer).__name__}" for layer in model.layers] == facts["layers"].split(" ")
    edges = [
        [layer.name, [x.name for x in layer._inbound_nodes[0].inbound_layers], list(layer.output_shape)]
        for layer in model.layers
    ]
    assert digest(edges) == facts["edges"]
    assert model.count_params() == facts["params"]
    assert digest([[w.name, list(w.shape)] for w in model.weights]) == facts["weights"]


def seeded_weights(model):
    """Weights that keep the signal alive, the same as those of the recording."""
    values = []
    for i, weight in enumerate(w for layer in model.layers for w in layer.weights):
        value = np.random.RandomState(i).standard_normal(tuple(weight.shape))
        name = weight.name.rsplit("/", 1)[-1]
        if "kernel" in name:
            reach = weight.shape[:2] if "depthwise" in name else weight.shape[:-1]
            value *= np.sqrt(2.0 / np.prod(reach))
        elif "gamma" in name:
            value = 1 + 0.1 * value
        elif "variance" in name:
            value = 1 + 0.1 * abs(value)
        else:
            value *= 0.1
        values.append(value.astype("float32"))
    return values


QUICK = ("VGG16", "MobileNet", "MobileNetV2", "Xception")


@pytest.mark.parametrize(
    "probe",
    [pytest.param(p, id=p[1], marks=() if p[1] in QUICK else pytest.mark.slow) for p in FACTS["probes"]],
)
def test_numbers(probe):
    """The output for one image, with weights made from seeds, is the genuine one's."""
    module, name, arguments, norm, start, size = probe
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in arguments.items()}
    model = builder(f"{module}.{name}")(weights=None, **arguments)
    model.set_weights(seeded_weights(model))
    image = np.random.RandomState(99).uniform(-1, 1, (1, *arguments["input_shape"])).astype("float32")
    got = model.predict(image)[0].astype("float64")
    assert got.size == size
    assert math.isclose(np.linalg.norm(got), norm, rel_tol=1e-4)
    np.testing.assert_allclose(got[: len(start)], start, atol=1e-4 * norm / math.sqrt(size) * 3)


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("VGG16", dict(weights="nowhere.h5"), "weights must be None .* or the path of a file, received 'nowhere.h5'"),
        ("VGG16", dict(classes=5), "weights='imagenet' with include_top needs classes=1000, received 5"),
        ("VGG16", dict(input_shape=(100, 100, 3)), r"needs input_shape=\(224, 224, 3\), received \(100, 100, 3\)"),
        ("VGG16", dict(include_top=False, input_shape=(99, 99, 4)), "needs 3 input channels"),
        ("VGG16", dict(weights=None, include_top=False, input_shape=(20, 40, 3)), "at least 32 x 32"),
        ("VGG16", dict(weights=None, input_shape=(None, None, 3)), "include_top needs a static input_shape"),
        ("VGG16", dict(weights=None, input_shape=(100, 100)), "input_shape must have three entries"),
        ("VGG16", dict(weights=None, include_top=False, pooling="sum"), "pooling must be 'avg', 'max' or None"),
        ("InceptionV3", dict(weights=None, include_top=False, input_shape=(74, 75, 3)), "at least 75 x 75"),
        ("Xception", dict(weights=None, include_top=False, input_shape=(70, 75, 3)), "at least 71 x 71"),
        ("MobileNet", dict(alpha=0.3), "needs alpha to be one of .* received 0.3"),
        ("MobileNet", dict(depth_multiplier=2), "needs depth_multiplier=1, received 2"),
        ("MobileNetV2", dict(alpha=0.25), "needs alpha to be one of"),
        ("ResNeXt50", dict(weights=None, include_top=False), "static input_shape"),
        ("NASNetMobile", dict(weights=None, input_shape=(None, None, 3)), "static input_shape"),
    ],
)
def test_wrong_arguments(name, arguments, error):
    with pytest.raises(ValueError, match=error):
        getattr(applications, name)(**arguments)


def test_odd_channels_are_said():
    with pytest.warns(UserWarning, match="usually expects 1 or 3 input channels.* 5 input channels"):
        model = applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 5))
    assert model.input_shape == (None, 32, 32, 5)


def test_pooling_and_classes():
    for pooling in ("avg", "max"):
        model = applications.MobileNet(weights=None, include_top=False, pooling=pooling, input_shape=(32, 32, 3))
        assert model.output_shape == (None, 1024)
    model = applications.ResNet50(weights=None, classes=7, input_shape=(64, 48, 3))
    assert model.output_shape == (None, 7) and model.name == "resnet50"


def test_a_network_on_top_of_another_tensor():
    image = layers.Input(shape=(40, 40, 1))
    colour = layers.Conv2D(3, 1, name="to_colour")(image)
    model = applications.MobileNet(weights=None, include_top=False, alpha=0.25, input_tensor=colour, pooling="avg")
    assert model.inputs[0] is image and model.layers[1].name == "to_colour"
    assert Model(image, layers.Dense(2)(model.output)).output_shape == (None, 2)


def test_channels_first():
    K.set_image_data_format("channels_first")
    try:
        model = applications.MobileNetV2(weights=None, alpha=0.35, classes=3, input_shape=(3, 33, 32))
        assert model.input_shape == (None, 3, 33, 32) and model.output_shape == (None, 3)
        assert {layer.axis for layer in model.layers if "BatchNorm" in type(layer).__name__} == {1}
    finally:
        K.set_image_data_format("channels_last")


def test_weights_from_a_path_and_from_the_network(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    arguments = dict(alpha=0.25, input_shape=(128, 128, 3), include_top=False)
    model = applications.MobileNet(weights=None, **arguments)
    path = tmp_path / "w.h5"
    model.save_weights(str(path))
    content = path.read_bytes()
    image = np.random.RandomState(0).rand(1, 128, 128, 3).astype("float32")
    want = model.predict(image)
    key = ("MobileNet", False, 0.25, 128)
    with serving(Files({"/w.h5": content})) as files:
        entry = ("mobilenet.h5", files.url + "/w.h5", hashlib.md5(content).hexdigest())
        monkeypatch.setitem(published.WEIGHTS, key, entry)
        for weights in (str(path), "imagenet", "imagenet"):
            np.testing.assert_allclose(
                applications.MobileNet(weights=weights, **arguments).predict(image), want, atol=1e-6
            )
        assert files.requests == ["/w.h5"] and (tmp_path / "home" / "models" / "mobilenet.h5").exists()
        monkeypatch.setitem(published.WEIGHTS, key, ("other.h5", files.url + "/w.h5", "0" * 32))
        with pytest.raises(OSError, match="hash"):
            applications.MobileNet(weights="imagenet", **arguments)


def test_published_weights_are_complete():
    sizes = {"MobileNet": ((0.25, 0.5, 0.75, 1.0), (128, 160, 192, 224))}
    sizes["MobileNetV2"] = ((0.35, 0.5, 0.75, 1.0, 1.3, 1.4), (96, 128, 160, 192, 224))
    for name in applications.__all__:
        if name[0].islower():
            continue
        for top in (True, False):
            if name in sizes:
                keys = [(name, top, alpha, rows) for alpha in sizes[name][0] for rows in sizes[name][1]]
            else:
                keys = [("resnet50.ResNet50" if name == "ResNet50" else name, top)]
            for key in keys:
                file, origin, file_hash = published.WEIGHTS[key]
                assert file.endswith(".h5") and origin.startswith("https://")
                assert file_hash is None or len(file_hash) == 32


def test_no_published_weights(monkeypatch):
    monkeypatch.delitem(published.WEIGHTS, ("Xception", False), raising=False)
    with pytest.raises(ValueError, match="no published ImageNet weights"):
        applications.Xception(include_top=False, input_shape=(71, 71, 3))


MODES = ("caffe", "tf", "torch")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rank", [3, 4])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocessing(mode, rank, data_format):
    x = np.full((2, 5, 4, 3)[4 - rank :], 100.0, "float32")
    x[..., 0] += 7
    x[..., 2] -= 10
    given = np.moveaxis(x, -1, -3) if data_format == "channels_first" else x
    got = imagenet_utils.preprocess_input(given.copy(), data_format=data_format, mode=mode)
    got = np.moveaxis(got, -3, -1) if data_format == "channels_first" else got
    r, g, b = 107.0, 100.0, 90.0
    want = {
        "caffe": [b - 103.939, g - 116.779, r - 123.68],
        "tf": [v / 127.5 - 1 for v in (r, g, b)],
        "torch": [
            (v / 255 - m) / s for v, m, s in zip((r, g, b), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
        ],
    }[mode]
    np.testing.assert_allclose(got, np.broadcast_to(want, x.shape), rtol=1e-4, atol=1e-5)
    whole = imagenet_utils.preprocess_input(given.astype("uint8"), data_format=data_format, mode=mode)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(np.moveaxis(whole, -3, -1) if data_format == "channels_first" else whole, got, rtol=1e-5)


def test_preprocessing_of_tensors():
    x = np.random.RandomState(0).rand(1, 4, 4, 3).astype("float32") * 255
    tensor = layers.Input(shape=(4, 4, 3))
    for mode in MODES:
        f = K.function([tensor], [imagenet_utils.preprocess_input(tensor, mode=mode)])
        want = imagenet_utils.preprocess_input(x.copy(), mode=mode)
        np.testing.assert_allclose(f([x])[0], want, rtol=1e-4, atol=1e-4)


def test_each_network_has_its_mode():
    modes = dict.fromkeys(("vgg16", "vgg19", "resnet50", "resnet"), "caffe") | dict.fromkeys(
        ("densenet", "resnext"), "torch"
    )
    x = np.random.RandomState(0).rand(2, 2, 3).astype("float32") * 255
    names = "inception_v3 inception_resnet_v2 xception mobilenet mobilenet_v2 nasnet resnet_v2".split()
    for name in [*modes, *names]:
        module = importlib.import_module("kjax.applications." + name)
        want = imagenet_utils.preprocess_input(x.copy(), mode=modes.get(name, "tf"))
        np.testing.assert_array_equal(module.preprocess_input(x.copy()), want)
        assert module.decode_predictions is imagenet_utils.decode_predictions
    with pytest.raises(ValueError, match="mode must be 'caffe', 'tf' or 'torch', received 'pil'"):
        imagenet_utils.preprocess_input(x, mode="pil")
    with pytest.raises(ValueError, match="unknown data_format 'th'"):
        imagenet_utils.preprocess_input(x, data_format="th")


def test_class_names(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(imagenet_utils, "_class_index", {})
    content = json.dumps({str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}).encode()
    with serving(Files({"/index.json": content})) as files:
        monkeypatch.setattr(imagenet_utils, "CLASS_INDEX_PATH", files.url + "/index.json")
        monkeypatch.setattr(imagenet_utils, "CLASS_INDEX_HASH", hashlib.md5(content).hexdigest())
        scores = np.zeros((2, 1000))
        scores[0, [5, 7]] = 0.3, 0.6
        scores[1, 999] = 1
        got = imagenet_utils.decode_predictions(scores, top=2)
        assert got[0] == [("n00000007", "thing_7", 0.6), ("n00000005", "thing_5", 0.3)] and got[1][0][1] == "thing_999"
        assert len(imagenet_utils.decode_predictions(scores)[0]) == 5
    assert files.requests == ["/index.json"]
    with pytest.raises(ValueError, match=r"shape \(n, 1000\), received shape \(1, 10\)"):
        imagenet_utils.decode_predictions(np.zeros((1, 10)))


def test_strided_padding():
    for size in (7, 8):
        tensor = layers.Input(shape=(size, size, 1))
        padded = layers.ZeroPadding2D(common.strided_padding(tensor, 3))(tensor)
        assert (
            layers.Conv2D(1, 3, strides=2)(padded).shape[1]
            == layers.Conv2D(1, 3, strides=2, padding="same")(tensor).shape[1]
        )
