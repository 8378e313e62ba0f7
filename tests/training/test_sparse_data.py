"""Sparse inputs, and matrices of scipy.sparse as data: numbers of dense arrays, made dense batch by batch."""

import json

import numpy as np
import pytest
import scipy.sparse

from kjax import backend as K
from kjax.engine.rows import SparseRows
from kjax.layers import Dense, Input, InputLayer, concatenate
from kjax.models import Model, Sequential, clone_model, load_model, model_from_json

RNG = np.random.RandomState(0)
DENSE = (RNG.rand(70, 6) * (RNG.rand(70, 6) < 0.3)).astype("float32")
X = scipy.sparse.csr_matrix(DENSE)
Y = RNG.rand(70, 3).astype("float32")
KERNEL = RNG.randn(6, 3).astype("float32")


def make(sparse=True):
    inputs = Input((6,), sparse=sparse)
    model = Model(inputs, Dense(3, weights=[KERNEL, np.ones(3)])(inputs))
    model.compile("sgd", "mse")
    return model


@pytest.fixture(scope="module")
def dense():
    return make(False)


def batches():
    while True:
        yield X[:10], Y[:10]
        yield X[10:30], Y[10:30]


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "coo_matrix", "lil_matrix", "dok_matrix", "csr_array"])
def test_every_format_gives_the_numbers_of_arrays(form, dense):
    data = getattr(scipy.sparse, form)(DENSE.astype("float64"))
    for model in (make(), dense):
        np.testing.assert_allclose(model.predict(data, batch_size=16), DENSE @ KERNEL + 1, rtol=1e-5)
        np.testing.assert_allclose(model.predict_on_batch(data), DENSE @ KERNEL + 1, rtol=1e-5)


@pytest.mark.parametrize("shuffle", [True, "batch"])
@pytest.mark.parametrize("sparse", [True, False])
def test_training_is_that_on_arrays(sparse, shuffle):
    made = []
    for x, y in ((X, scipy.sparse.csr_matrix(Y)), (DENSE, Y)):
        model = make(sparse)
        np.random.seed(1)
        history = model.fit(
            x, y, batch_size=16, epochs=2, shuffle=shuffle, validation_split=0.3, sample_weight=np.arange(70), verbose=0
        ).history
        made.append([*history["loss"], *history["val_loss"], model.evaluate(x, y, verbose=0), *model.get_weights()])
    for a, b in zip(*made, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_batches_and_generators():
    one, other = make(), make()
    np.testing.assert_allclose(one.train_on_batch(X, Y), other.train_on_batch(DENSE, Y), rtol=1e-5)
    np.testing.assert_allclose(one.test_on_batch(X, Y), other.test_on_batch(DENSE, Y), rtol=1e-5)
    one.fit_generator(batches(), 2, 1, verbose=0)
    other.fit_generator(((x.toarray(), y) for x, y in batches()), 2, 1, verbose=0)
    np.testing.assert_allclose(one.get_weights()[0], other.get_weights()[0], rtol=1e-5)
    np.testing.assert_allclose(one.evaluate_generator(batches(), 1), other.evaluate(DENSE[:10], Y[:10], verbose=0))
    only_x = (x for x, _ in batches())
    np.testing.assert_allclose(one.predict_generator(only_x, 2), other.predict(DENSE[:30]), rtol=1e-5)


def test_only_the_rows_of_a_batch_are_made_dense(monkeypatch):
    longest = []
    to_array = scipy.sparse.csr_matrix.toarray

    def toarray(self, *args, **kwargs):
        longest.append(self.shape[0])
        return to_array(self, *args, **kwargs)

    monkeypatch.setattr(scipy.sparse.csr_matrix, "toarray", toarray)
    model = make()
    wide = scipy.sparse.random(200_000, 6, 0.01, "csr", dtype="float32")
    model.predict(wide, batch_size=50_000)
    model.evaluate(X, Y, batch_size=16, verbose=0)
    assert max(longest) == 50_000


def test_a_sparse_input_says_so_and_keeps_it(tmp_path):
    inputs, other, dense = Input((6,), sparse=True), Input((4,), sparse=True), Input((4,))
    assert K.is_sparse(inputs) and not K.is_sparse(dense) and K.int_shape(inputs) == (None, 6)
    assert not K.is_sparse(K.to_dense(inputs)) and K.int_shape(K.to_dense(inputs)) == (None, 6)
    assert K.is_sparse(concatenate([inputs, other])) and not K.is_sparse(concatenate([inputs, dense]))
    placed = Input(tensor=K.placeholder((None, 6), sparse=True))
    assert K.is_sparse(placed)
    model = make()
    config = model.get_config()["layers"][0]["config"]
    assert config["sparse"] is True
    model.save(str(tmp_path / "m.h5"))
    for again in (Model.from_config(model.get_config()), clone_model(model), load_model(str(tmp_path / "m.h5"))):
        assert again.layers[0].sparse and K.is_sparse(again.input)
    np.testing.assert_allclose(again.predict(X), model.predict(DENSE), rtol=1e-6)


def test_a_file_of_tf_keras_keeps_it():
    layer = {"class_name": "InputLayer", "name": "i", "inbound_nodes": []}
    layer["config"] = {"batch_input_shape": [None, 6], "dtype": "float32", "sparse": True, "ragged": False, "name": "i"}
    dense = {"class_name": "Dense", "name": "d", "inbound_nodes": [[["i", 0, 0, {}]]]}
    dense["config"] = {"name": "d", "units": 3, "dtype": "float32"}
    ends = {"input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]]}
    config = {"name": "m", "trainable": True, "layers": [layer, dense], **ends}
    text = {"class_name": "Functional", "config": config, "keras_version": "2.15.0", "backend": "tensorflow"}
    model = model_from_json(json.dumps(text))
    assert K.is_sparse(model.input) and model.predict(X).shape == (70, 3)


def test_joined_inputs_sequential_and_functions():
    a, b = Input((6,), sparse=True), Input((3,), sparse=True)
    model = Model([a, b], Dense(3, weights=[np.eye(9, 3), np.zeros(3)])(concatenate([a, b])))
    np.testing.assert_allclose(model.predict([X, scipy.sparse.csc_matrix(Y)]), DENSE[:, :3], rtol=1e-6)
    row = Sequential([InputLayer((6,), sparse=True), Dense(3, weights=[KERNEL, np.zeros(3)])])
    np.testing.assert_allclose(row.predict({row.input_names[0]: X}), DENSE @ KERNEL, rtol=1e-5)
    product, whole = K.function([a], [K.dot(a, K.constant(KERNEL)), K.to_dense(a)])([X])
    np.testing.assert_allclose(product, DENSE @ KERNEL, rtol=1e-5)
    np.testing.assert_array_equal(whole, DENSE)


def test_a_wrong_width_is_refused_without_reading(monkeypatch):
    monkeypatch.setattr(scipy.sparse.csr_matrix, "toarray", None)
    with pytest.raises(ValueError, match=r"expected input_\d+ to have shape \(6,\) but got array with shape \(5,\)"):
        make().predict(X[:, :5])


def test_rows_of_a_matrix_in_any_order():
    rows = SparseRows(scipy.sparse.coo_matrix(DENSE)).astype("float64").part(10, 60)
    index = np.array([40, 3, 3, 0])
    assert rows.shape == (50, 6) and rows.dtype == np.float64
    np.testing.assert_array_equal(rows.take(index), DENSE[10:60][index])
    np.testing.assert_array_equal(np.asarray(rows), DENSE[10:60])
    np.testing.assert_array_equal(rows[-1], DENSE[59])
    np.testing.assert_array_equal(rows[-3:], DENSE[57:60])
    np.testing.assert_array_equal(rows[np.arange(50) % 7 == 0], DENSE[10:60:7])
