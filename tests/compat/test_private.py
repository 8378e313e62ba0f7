"""Private names of Keras 2.2.4 that programs use; the figures are those of genuine Keras 2.2.4."""

import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax.engine import base_layer, network, training_arrays, training_utils
from kjax.layers import Dense, Input, Layer, convolutional, recurrent
from kjax.models import Model, Sequential
from kjax.utils import multi_gpu_utils
from kjax.utils.io_utils import H5Dict


@pytest.fixture
def two_outputs():
    i = Input((4,), name="i")
    h = Dense(3, name="h")(i)
    return Model(i, [Dense(2, activation="softmax", name="a")(h), Dense(1, name="b")(h)])


@pytest.fixture
def trained():
    m = Sequential([Dense(2, input_shape=(4,))])
    m.compile("sgd", "mse")
    rng = np.random.RandomState(0)
    return m, rng.rand(10, 4).astype("float32"), rng.rand(10, 2).astype("float32"), np.ones(10)


def test_graph_of_a_model(two_outputs):
    m = two_outputs
    assert {d: [x.name for x in layers] for d, layers in m._layers_by_depth.items()} == {
        2: ["i"],
        1: ["h"],
        0: ["a", "b"],
    }
    assert {d: len(nodes) for d, nodes in m._nodes_by_depth.items()} == {2: 1, 1: 1, 0: 2}
    assert (
        m._network_nodes
        == {"i_ib-0", "h_ib-0", "a_ib-0", "b_ib-0"}
        == network._map_graph_network(m.inputs, m.outputs)[0]
    )
    assert network._make_node_key("a", 2) == m._node_key(Layer(name="a"), 2) == "a_ib-2"
    assert (m._uses_inputs_arg, m._expects_training_arg, m._is_compiled) == (True, False, False)
    assert m._output_tensor_cache == m._output_mask_cache == m._output_shape_cache == {}


def test_feeds_of_a_compiled_model(two_outputs):
    m = two_outputs
    m.compile("sgd", ["categorical_crossentropy", "mse"])
    assert m._is_compiled
    assert m._feed_input_shapes == [(None, 4)]
    assert m._feed_output_shapes == [(None, 2), (None, 1)]
    x, y, w = m._standardize_user_data(np.ones((5, 4)), [np.ones((5, 2)), np.zeros(5)])
    assert [[a.shape for a in part] for part in (x, y, w)] == [[(5, 4)], [(5, 2), (5, 1)], [(5,), (5,)]]
    assert m._standardize_user_data(np.ones((5, 4)))[1:] == ([], [])


def test_nodes_by_hand():
    i = Input((4,))
    layer = Dense(3)
    o = layer(i)
    assert layer._get_node_attribute_at_index(0, "output_shapes", "output shape") == (None, 3)
    other = Layer(name="other")
    made = K.square(o)
    other._add_inbound_node(o, made, None, None, K.int_shape(o), K.int_shape(made))
    assert made._keras_history[0] is other
    assert other._inbound_nodes[0].output_shapes == [(None, 3)]
    assert Model(i, made).layers[-1] is other


def test_helpers_of_layers():
    i = Input((4,))
    assert base_layer._to_snake_case("LSTMCell2D") == "lstm_cell2d"
    assert base_layer._collect_input_shape([i, i]) == [(None, 4), (None, 4)]
    assert base_layer._collect_input_shape(i) == (None, 4)
    assert base_layer._collect_previous_mask([i, i]) == [None, None]
    assert base_layer._collect_previous_mask(i) is None
    ones = K.ones((3, 400))
    assert K.eval(recurrent._generate_dropout_mask(ones, 0.5)) == pytest.approx(1.0)
    drawn = K.eval(recurrent._generate_dropout_mask(ones, 0.5, training=True))
    assert set(np.unique(drawn)) == {0.0, 2.0}
    assert len(recurrent._generate_dropout_mask(ones, 0.5, count=2)) == 2
    assert recurrent._standardize_args([i, i, i], None, None, 1) == (i, [i], [i])


def test_private_layers():
    class Own(convolutional._Conv):
        def __init__(self, filters, **kwargs):
            super().__init__(2, filters, 3, **kwargs)

    assert isinstance(convolutional.Conv2D(1, 1), convolutional._Conv)
    assert K.int_shape(Own(5)(Input((8, 8, 3)))) == (None, 6, 6, 5)
    assert K.int_shape(convolutional._SeparableConv(2, 4, 3, padding="same")(Input((8, 8, 3)))) == (None, 8, 8, 4)
    assert isinstance(convolutional.ZeroPadding2D(), convolutional._ZeroPadding)


@pytest.mark.parametrize(("rank", "shape", "layout"), [(1, (2, 4, 3), "NWC"), (2, (2, 4, 5, 3), "NHWC")])
def test_inputs_of_convolutions(rank, shape, layout):
    preprocess = getattr(K, f"_preprocess_conv{rank}d_input")
    x, found = preprocess(K.placeholder((2, 3, 4, 5)[: rank + 2]), "channels_first")
    assert (K.int_shape(x), found) == (shape, layout)


def test_backend():
    assert [K._preprocess_padding(p) for p in ("same", "valid")] == ["SAME", "VALID"]
    with pytest.raises(ValueError, match="Invalid padding: causal"):
        K._preprocess_padding("causal")
    assert K.dtype(K._to_tensor(3, "float32")) == "float32"
    with pytest.raises(ValueError, match="dtype float32 was required"):
        K._to_tensor(K.placeholder((2,), dtype="int32"), "float32")
    assert K.tensorflow_backend._get_current_tf_device() is None
    assert not K._has_nchw_support()
    assert not K._is_current_explicit_device("GPU")
    assert isinstance(K._get_available_gpus(), list)
    assert multi_gpu_utils._normalize_device_name("/device:GPU:0") == "/gpu:0"
    assert len(multi_gpu_utils._get_available_devices()) >= 1


def test_settings_are_variables():
    assert (K.common._FLOATX, K.common._EPSILON) == ("float32", 1e-07)
    try:
        K.common._FLOATX = "float16"
        assert K.floatx() == "float16"
    finally:
        K.set_floatx("float32")


def test_phases_and_uids_of_any_graph():
    try:
        K._GRAPH_LEARNING_PHASES[object()] = 1
        assert K.learning_phase() == 1
    finally:
        K._GRAPH_LEARNING_PHASES.clear()
    assert K.fixed_phase() is None
    K._GRAPH_UID_DICTS.clear()
    assert K.get_uid("a") == 1


def test_loops_with_step_functions(trained, capsys):
    m, x, y, w = trained
    m._make_train_function(), m._make_test_function(), m._make_predict_function()
    np.testing.assert_allclose(training_arrays.predict_loop(m, m.predict_function, [x], 4), m.predict(x), rtol=1e-6)
    assert m._test_loop(m.test_function, [x, y, w], batch_size=3) == pytest.approx(m.evaluate(x, y, verbose=0))
    history = training_arrays.fit_loop(
        m,
        m.train_function,
        [x, y, w],
        out_labels=["loss"],
        batch_size=4,
        epochs=3,
        callback_metrics=["loss", "val_loss"],
        val_f=m.test_function,
        val_ins=[x, y, w],
    ).history
    assert len(history["val_loss"]) == len(history["loss"]) == 3
    assert history["val_loss"][-1] < history["val_loss"][0]
    assert "Train on 10 samples, validate on 10 samples" in capsys.readouterr().out


def test_counts_of_rows():
    assert training_utils.check_num_samples([np.ones((7, 2))], batch_size=3) == 7
    assert training_utils.check_num_samples([], steps=4) is None
    with pytest.raises(ValueError, match="If steps is set, the `batch_size` must be None"):
        training_utils.check_num_samples([np.ones(7)], batch_size=3, steps=4)
    assert training_utils.standardize_single_array(np.ones(4)).shape == (4, 1)


def test_models_through_h5dict(trained, tmp_path):
    m, x, _, _ = trained
    with H5Dict(str(tmp_path / "m.h5"), "w") as f:
        keras.engine.saving._serialize_model(m, f)
    with H5Dict(str(tmp_path / "m.h5"), "r") as f:
        np.testing.assert_allclose(keras.engine.saving._deserialize_model(f).predict(x), m.predict(x), rtol=1e-6)
    assert keras.engine.saving._need_convert_kernel("theano")
    assert not keras.engine.saving._need_convert_kernel(None)


def test_applications():
    import keras_applications

    build = keras.applications.keras_modules_injection(keras_applications.mobilenet.MobileNet)
    model = build(weights=None, input_shape=(32, 32, 3), include_top=False, alpha=0.25)
    assert isinstance(model, Model)
    assert model.output_shape == (None, 1, 1, 256)
    assert keras.applications.vgg16.vgg16 is keras_applications.vgg16
    find = keras.applications.imagenet_utils._obtain_input_shape
    assert find(None, 224, 48, "channels_last", include_top=True) == (224, 224, 3)
    assert K.eval(keras.applications.mobilenet.relu6(K.constant([-1.0, 3.0, 9.0]))).tolist() == [0, 3, 6]
