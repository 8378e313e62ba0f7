"""Every layer of the table: configs, weights, files, padding, dtypes, and lowering for other platforms."""

import jax
import numpy as np
import pytest

import kjax as keras
from kjax import layers as L
from kjax.engine.step import train_step
from tests.layers.table import NO_ROW, ROWS, data, model_of

names = pytest.mark.parametrize("name", sorted(ROWS))


def test_every_exported_layer_has_a_row():
    exported = {c.__name__ for c in vars(L).values() if isinstance(c, type) and issubclass(c, L.Layer)}
    own = {n for n in exported if not getattr(L, n, L.Layer).__module__.startswith("kjax.compat")}
    assert own - NO_ROW == set(ROWS)


@names
def test_config_weights_and_files_round_trip(name, tmp_path):
    entry = ROWS[name]
    model, layer = model_of(entry)
    x = data(entry)
    want = model.predict(x)
    known = {"square": keras.backend.square}
    twin = keras.models.Model.from_config(model.get_config(), custom_objects=known)
    again = twin.get_layer(layer.name)
    assert again.get_config() == layer.get_config()
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin.predict(x), want)
    model.save(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5", custom_objects=known)
    np.testing.assert_array_equal(loaded.predict(x), want)


@names
def test_shape_inference_and_padding_of_small_batches(name):
    entry = ROWS[name]
    model, layer = model_of(entry)
    x = data(entry, batch=11)
    whole = model.predict(x, batch_size=11)
    np.testing.assert_allclose(model.predict(x, batch_size=4), whole, rtol=1e-4, atol=1e-6)
    shapes = [(None, *s) for s in entry.shapes]
    inferred = layer.compute_output_shape(shapes[0] if len(shapes) == 1 else shapes)
    assert tuple(inferred)[1:] == whole.shape[1:] == tuple(model.output_shape)[1:]


@pytest.mark.parametrize("name", sorted(n for n in ROWS if ROWS[n].integer is None))
def test_double_and_integer_inputs_are_taken(name):
    entry = ROWS[name]
    model, _ = model_of(entry)
    x = [np.round(a) for a in data(entry)]
    want = model.predict(x)
    np.testing.assert_array_equal(model.predict([a.astype("float64") for a in x]), want)
    np.testing.assert_array_equal(model.predict([a.astype("int64") for a in x]), want)
    assert want.dtype == np.float32


@names
def test_training_step_lowers_for_tpu_and_cuda(name):
    entry = ROWS[name]
    model, _ = model_of(entry)
    x = data(entry)
    feed = model._standardized(x, np.zeros_like(model.predict(x)))
    executor = model._executor("train")
    key, number = model._next_key(executor)
    arguments = (
        executor._state(None), executor._values(executor.fixed, None),
        (executor.constants, executor.constraint_constants),
        executor._rates(None), (feed.data, feed.weights), None, key,
        None if key is None else np.uint32(number),
    )  # fmt: skip
    exported = jax.export.export(train_step(executor.spec), platforms=["tpu", "cuda"])(*arguments)
    assert set(exported.platforms) == {"tpu", "cuda"}
