"""Functions that only older versions of Keras had."""

import io

import numpy as np
import pytest

import kjax
from kjax import backend as K
from kjax.compat import backend1, image1, initializations, metrics1, regularizers1, training1, utils1, utils23

RANDOM = np.random.RandomState(0)


def value(x):
    return np.asarray(K.eval(x))


# ---------------------------------------------------------------- backend


def test_comparisons_and_paddings():
    a, b = K.constant([1.0, 2.0, 3.0]), K.constant([2.0, 2.0, 2.0])
    np.testing.assert_array_equal(value(backend1.lesser(a, b)), [True, False, False])
    np.testing.assert_array_equal(value(backend1.lesser_equal(a, b)), [True, True, False])
    assert value(backend1.asymmetric_temporal_padding(K.ones((1, 3, 2)), 1, 2)).shape == (1, 6, 2)
    padded = value(backend1.asymmetric_spatial_2d_padding(K.ones((1, 2, 2, 1)), 1, 0, 2, 3, dim_ordering="tf"))
    assert padded.shape == (1, 3, 7, 1) and padded.sum() == 4
    with pytest.raises(ValueError, match="dim_ordering must be tf, th or default; got 'x'"):
        backend1.asymmetric_spatial_2d_padding(K.ones((1, 2, 2, 1)), dim_ordering="x")


def test_convolutions_under_their_old_names():
    x, k = K.constant(RANDOM.normal(size=(1, 7, 7, 2))), K.constant(RANDOM.normal(size=(3, 3, 2, 4)))
    want = value(K.conv2d(x, k, dilation_rate=(2, 2)))
    np.testing.assert_allclose(value(backend1.atrous_conv2d(x, k, rate=2)), want, rtol=1e-5, atol=1e-5)
    th = backend1.atrous_conv2d(
        K.permute_dimensions(x, (0, 3, 1, 2)), K.permute_dimensions(k, (3, 2, 0, 1)), rate=2, dim_ordering="th"
    )
    np.testing.assert_allclose(value(th).transpose(0, 2, 3, 1), want, rtol=1e-5, atol=1e-5)
    back = K.constant(RANDOM.normal(size=(3, 3, 2, 4)))
    want = value(K.conv2d_transpose(x, K.permute_dimensions(back, (0, 1, 3, 2)), (1, 9, 9, 4)))
    np.testing.assert_allclose(value(backend1.deconv2d(x, back, (1, 9, 9, 4))), want, rtol=1e-5, atol=1e-5)


def test_time_distributed_dense_function():
    x, w, b = RANDOM.normal(size=(2, 3, 4)), RANDOM.normal(size=(4, 5)), RANDOM.normal(size=5)
    got = value(backend1.time_distributed_dense(K.constant(x), K.constant(w), K.constant(b), dropout=0.5))
    np.testing.assert_allclose(got, x @ w + b, rtol=1e-5, atol=1e-6)


def test_weight_ordering_is_never_legacy():
    assert backend1.legacy_weight_ordering() is False
    backend1.set_legacy_weight_ordering(False)
    with pytest.raises(ValueError, match="must be False"):
        backend1.set_legacy_weight_ordering(True)


# ---------------------------------------------------------------- initializations


@pytest.mark.parametrize(
    "name, deviation",
    [
        ("uniform", 0.05 / np.sqrt(3)),
        ("normal", 0.05),
        ("lecun_uniform", np.sqrt(1 / 300)),
        ("glorot_normal", np.sqrt(2 / 500)),
        ("glorot_uniform", np.sqrt(2 / 500)),
        ("he_normal", np.sqrt(2 / 300)),
        ("he_uniform", np.sqrt(2 / 300)),
        ("zero", 0),
        ("one", 0),
    ],
)
def test_initialization_gives_a_variable_of_its_deviation(name, deviation):
    variable = initializations.get(name)((300, 200), name="w")
    assert variable.name.startswith("w")
    np.testing.assert_allclose(K.get_value(variable).std(), deviation, rtol=0.03, atol=1e-9)


def test_orthogonal_and_identity():
    q = K.get_value(initializations.orthogonal((5, 5), scale=2.0))
    np.testing.assert_allclose(q @ q.T, 4 * np.eye(5), atol=1e-5)
    np.testing.assert_array_equal(K.get_value(initializations.identity((3, 3), scale=2)), 2 * np.eye(3))
    with pytest.raises(ValueError, match="shape must be that of a square matrix"):
        initializations.identity((3, 4))


def test_fans_of_convolution_kernels():
    assert initializations.get_fans((64, 3, 5, 5), "th") == (75, 1600)
    assert initializations.get_fans((5, 5, 3, 64), "tf") == (75, 1600)
    assert initializations.get_fans((4, 6)) == (4, 6)
    with pytest.raises(ValueError, match="dim_ordering must be tf or th"):
        initializations.get_fans((1, 1, 1, 1), "x")


def test_get_initialization():
    assert K.get_value(initializations.get("normal", scale=1e-6)((50,))).std() < 1e-5
    assert initializations.get(initializations.zero) is initializations.zero
    with pytest.raises(ValueError, match="Invalid initialization: 'relu'"):
        initializations.get("relu")


# ---------------------------------------------------------------- metrics and regularizers


def test_metrics_of_a_batch():
    y_true, y_pred = np.array([1, 1, 0, 0, 1.0]), np.array([0.9, 0.2, 0.8, 0.1, 0.7])
    tp, fp, fn, tn = 2, 1, 1, 1
    p, r = tp / (tp + fp), tp / (tp + fn)
    for name, want in {
        "precision": p,
        "recall": r,
        "fmeasure": 2 * p * r / (p + r),
        "f1score": 2 * p * r / (p + r),
        "matthews_correlation": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
    }.items():
        got = value(kjax.metrics.get(name)(K.constant(y_true), K.constant(y_pred)))
        np.testing.assert_allclose(got, want, rtol=1e-5, err_msg=name)
    got = value(metrics1.fbeta_score(K.constant(y_true), K.constant(y_pred), beta=2))
    np.testing.assert_allclose(got, 5 * p * r / (4 * p + r), rtol=1e-5)
    with pytest.raises(ValueError, match="beta must be >= 0"):
        metrics1.fbeta_score(K.constant(y_true), K.constant(y_pred), beta=-1)


def test_regularizers():
    w = RANDOM.normal(size=(6, 4)).astype("float32")
    tensor = K.constant(w)
    np.testing.assert_allclose(
        value(regularizers1.l1l2(0.1, 0.2)(tensor)), 0.1 * np.abs(w).sum() + 0.2 * (w**2).sum(), rtol=1e-5
    )
    np.testing.assert_allclose(value(regularizers1.activity_l1(0.3)(tensor)), 0.3 * np.abs(w).sum(), rtol=1e-5)
    np.testing.assert_allclose(value(regularizers1.activity_l2(0.3)(tensor)), 0.3 * (w**2).sum(), rtol=1e-5)
    largest = np.linalg.svd(w)[1][0]
    np.testing.assert_allclose(value(regularizers1.EigenvalueRegularizer(0.5)(tensor)), 0.5 * largest, rtol=0.02)
    with pytest.raises(ValueError, match="must have rank 2; got rank 3"):
        regularizers1.EigenvalueRegularizer(1.0)(K.ones((2, 2, 2)))


# ---------------------------------------------------------------- utilities


def test_classes_and_losses_of_probabilities():
    p = np.array([[0.2, 0.8], [0.9, 0.1]])
    np.testing.assert_array_equal(utils1.probas_to_classes(p), [1, 0])
    np.testing.assert_array_equal(utils1.probas_to_classes(p[:, :1]), [0, 1])
    assert utils1.accuracy([1, 0, 1], [1, 1, 1]) == pytest.approx(2 / 3)
    assert utils1.binary_logloss([0.8, 0.4], [1, 0]) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert utils1.multiclass_logloss(p, [2, 1]) == pytest.approx(-(np.log(0.8) + np.log(0.9)) / 2)
    assert utils1.make_tuple(1, 2) == (1, 2)


def test_arrays_in_files(tmp_path):
    array = RANDOM.normal(size=(3, 4))
    utils1.save_array(array, tmp_path / "a.h5")
    np.testing.assert_array_equal(utils1.load_array(tmp_path / "a.h5"), array)
    stream = io.BytesIO()
    utils23.save_to_binary_h5py(lambda f: f.create_dataset("x", data=array), stream)
    stream.seek(0)
    np.testing.assert_array_equal(utils23.load_from_binary_h5py(lambda f: f["x"][()], stream), array)


def test_get_from_module():
    table = {"Dense": kjax.layers.Dense, "relu": kjax.activations.relu}
    assert utils1.get_from_module("relu", table, "activation") is kjax.activations.relu
    assert utils1.get_from_module("Dense", table, "layer", True, {"units": 3}).units == 3
    assert utils1.get_from_module({"name": "Dense", "units": 4}, table, "layer").units == 4
    assert utils1.get_from_module(table, table, "x") is table
    with pytest.raises(ValueError, match="Invalid layer: 'Nothing' is not known"):
        utils1.get_from_module("Nothing", table, "layer")


def test_count_total_params():
    dense, norm = kjax.layers.Dense(3, input_shape=(2,)), kjax.layers.BatchNormalization()
    model = kjax.models.Sequential([dense, norm])
    assert utils1.count_total_params([*model.layers, dense]) == (9 + 6, 6)


def test_models_and_wrapped_models():
    inner = kjax.models.Sequential([kjax.layers.Dense(2, input_shape=(3,))])
    wrapped = kjax.layers.TimeDistributed(inner)
    assert utils23.is_model(inner) and not utils23.is_model(wrapped)
    assert utils23.is_wrapped_model(wrapped) and not utils23.is_wrapped_model(inner)
    assert utils23.getargspec(lambda a, b=1: None).args == ["a", "b"]


def test_image_transformation():
    pytest.importorskip("scipy")
    image = np.arange(12.0).reshape(1, 3, 4)
    shift = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1.0]])
    moved = image1.apply_transform(image, shift, fill_mode="constant", cval=-1.0)
    np.testing.assert_array_equal(moved[0], np.pad(image[0][:, 1:], ((0, 0), (0, 1)), constant_values=-1.0))


def test_blocks_of_applications():
    from kjax.applications.inception_v3 import conv2d_bn
    from kjax.applications.resnet50 import conv_block, identity_block

    image = kjax.layers.Input((8, 8, 3))
    with pytest.warns(UserWarning, match="Update your `conv2d_bn` call"):
        x = conv2d_bn(image, nb_filter=4, nb_row=3, nb_col=1, subsample=(1, 1), name="stem")
    x = conv_block(x, 3, [2, 2, 6], stage=2, block="a")
    x = identity_block(x, 3, [2, 2, 6], stage=2, block="b")
    model = kjax.models.Model(image, x)
    assert model.output_shape == (None, 4, 4, 6)
    names = {layer.name for layer in model.layers}
    assert {"stem_conv", "stem_bn", "stem", "res2a_branch1", "bn2a_branch2c", "res2b_branch2b"} <= names
    assert "res2b_branch1" not in names and model.get_layer("stem_bn").scale is False


# ---------------------------------------------------------------- helpers of training


def test_batches():
    assert training1.make_batches(7, 3) == [(0, 3), (3, 6), (6, 7)]
    np.random.seed(0)
    index = np.arange(10)
    shuffled = training1.batch_shuffle(index, 4)
    assert shuffled[8:].tolist() == [8, 9] and sorted(shuffled) == list(range(10))
    assert {tuple(shuffled[:4]), tuple(shuffled[4:8])} == {(0, 1, 2, 3), (4, 5, 6, 7)}
    assert index.tolist() == list(range(10))
    endless = training1.iter_sequence_infinite([1, 2])
    assert [next(endless) for _ in range(5)] == [1, 2, 1, 2, 1]


def test_array_lengths():
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    training1.check_array_length_consistency([x], [y, None], [np.zeros(4)])
    with pytest.raises(ValueError, match="got inputs with 4 rows, targets with 3 rows"):
        training1.check_array_length_consistency([x], [y[:3]])


def test_standardized_data():
    x = np.zeros((4, 2))
    assert training1.standardize_input_data({"b": x, "a": x[:, 0]}, ["a", "b"])[0].shape == (4, 1)
    assert training1.standardize_input_data(None, ["a", "b"]) == [None, None]
    assert training1.standardize_input_data([], []) == []
    training1.standardize_input_data(x, ["a"], [(None, 2)])
    for data, names, shapes, text in (
        (x, ["a"], [(None, 3)], r"expected a to have shape \(None, 3\); got an array of shape \(4, 2\)"),
        ([x, x], ["a"], None, "expected 1 arrays; got list of 2"),
        ({"b": x}, ["a"], None, r"no data for a; got \['b'\]"),
        (x, [], None, "no data were expected"),
    ):
        with pytest.raises(ValueError, match=text):
            training1.standardize_input_data(data, names, shapes, exception_prefix="input")


def test_standardized_weights():
    assert training1.standardize_sample_weights(None, ["a", "b"]) == [None, None]
    assert training1.standardize_class_weights({0: 1.0}, ["a"]) == [{0: 1.0}]
    assert training1.standardize_sample_weights({"b": 3}, ["a", "b"]) == [None, 3]
    with pytest.raises(ValueError, match=r"class_weight must be a list or a dict with weights for each of the outputs"):
        training1.standardize_class_weights([1], ["a", "b"])
    np.testing.assert_array_equal(training1.standardize_weights(np.eye(2), class_weight={0: 1.0, 1: 5.0}), [1.0, 5.0])
    assert training1.standardize_weights(np.zeros((3, 2, 1)), sample_weight_mode="temporal").shape == (3, 2)
    with pytest.raises(ValueError, match=r"it lacks \[1"):
        training1.standardize_weights(np.array([0, 1]), class_weight={0: 1.0})
    with pytest.raises(ValueError, match=r"must have the shape \(samples,\)"):
        training1.standardize_weights(np.zeros(3), sample_weight=np.zeros((3, 1)))


def test_losses_and_targets():
    losses = kjax.losses
    with pytest.raises(ValueError, match="needs one-hot rows"):
        training1.check_loss_and_target_compatibility(
            [np.zeros((3, 1))], [losses.categorical_crossentropy], [(None, 4)]
        )
    with pytest.raises(
        ValueError, match=r"mean_squared_error needs targets to have the same shape as the output, \(None, 4\)"
    ):
        training1.check_loss_and_target_compatibility([np.zeros((3, 2))], [losses.mean_squared_error], [(None, 4)])
    training1.check_loss_and_target_compatibility([None, np.zeros((3, 4))], [None, losses.hinge], [None, (None, 4)])
    assert training1.collect_metrics({"a": "acc"}, ["a", "b"]) == [["acc"], []]
    assert training1.collect_metrics(["acc"], ["a", "b"]) == [["acc"], ["acc"]]
    with pytest.raises(TypeError, match="metrics must be a list or a dict"):
        training1.collect_metrics("acc", ["a"])


def test_weighted_loss():
    y_true, y_pred = K.constant([[1.0, 2.0], [3.0, 4.0]]), K.constant([[1.0, 0.0], [0.0, 4.0]])
    loss = training1.weighted_masked_objective(kjax.losses.mean_squared_error)
    assert value(loss(y_true, y_pred, K.constant([1.0, 0.0]))) == pytest.approx(2.0)
    assert value(loss(y_true, y_pred, None)) == pytest.approx((2.0 + 4.5) / 2)
    assert training1.weighted_masked_objective(None) is None
