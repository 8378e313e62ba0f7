"""`keras.utils.test_utils`: what packages of layers test themselves with."""

from __future__ import annotations

import numpy as np

from kjax import backend as K
from kjax.engine.input_layer import Input
from kjax.engine.sequential import Sequential
from kjax.engine.training import Model
from kjax.utils.generic_utils import has_arg


def get_test_data(
    num_train=1000, num_test=500, input_shape=(10,), output_shape=(2,), classification=True, num_classes=2
):
    """Random samples that can be learned: ((x_train, y_train), (x_test, y_test)).

    Args:
        num_train, num_test: numbers of samples.
        input_shape: shape of one sample.
        output_shape: shape of one target, for regression.
        classification: targets are class numbers from 0, else arrays.
        num_classes: number of classes.
    """
    samples = num_train + num_test
    # the global generator on purpose: numpy.random.seed() in a test fixes it
    if classification:
        centre = y = np.random.randint(0, num_classes, size=(samples,))
    else:
        centre = np.random.random((samples,))
        y = _around(centre, output_shape)
    x = _around(centre, input_shape)
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])


def _around(centre, shape):
    centre = centre.reshape((-1,) + (1,) * len(shape))
    return np.random.normal(centre, 0.7, (len(centre), *shape)).astype("float32")


def layer_test(
    layer_cls,
    kwargs={},  # noqa: B006  (the signature is Keras's; it is copied, never changed)
    input_shape=None,
    input_dtype=None,
    input_data=None,
    expected_output=None,
    expected_output_dtype=None,
    fixed_batch_size=False,
):
    """Put a layer through its paces: weights, config, shapes, masks, training, in a Model and in a Sequential.

    Args:
        layer_cls: the class.
        kwargs: dict of its arguments.
        input_shape: with the batch axis; None stands for a random size. Needed without `input_data`.
        input_dtype: of the input, default floatx.
        input_data: array, instead of random numbers.
        expected_output: array that the layer must give.
        expected_output_dtype: of the output, default that of the input.
        fixed_batch_size: the layer is given the batch size too.

    Returns:
        What the layer gives for the data.

    Raises:
        AssertionError: when something does not hold.
    """
    kwargs = dict(kwargs)
    if input_data is None:
        if not input_shape:
            raise ValueError("layer_test: input_shape or input_data must be given.")
        input_dtype = input_dtype or K.floatx()
        sizes = [np.random.randint(1, 4) if n is None else n for n in input_shape]
        input_data = (10 * np.random.random(sizes)).astype(input_dtype)
    input_shape = np.shape(input_data) if input_shape is None else tuple(input_shape)
    input_dtype = input_dtype or str(input_data.dtype)
    output_dtype = expected_output_dtype or input_dtype

    layer = layer_cls(**kwargs)
    weights = layer.get_weights()
    layer.set_weights(weights)
    if weights and has_arg(layer.__init__, "weights"):
        layer = layer_cls(**{**kwargs, "weights": weights})
    layer_cls.from_config(layer.get_config())

    batch_shape = tuple(input_shape) if fixed_batch_size else (None, *input_shape[1:])
    x = Input(batch_shape=batch_shape, dtype=input_dtype)
    y = layer(x)
    _require(K.dtype(y) == output_dtype, layer, f"gives {K.dtype(y)}, {output_dtype} was expected")
    model = Model(x, y)
    output = model.predict(input_data)
    said = layer.compute_output_shape(input_shape)
    agrees = all(n is None or n == m for n, m in zip(said, output.shape, strict=True))
    _require(agrees, layer, f"says its output is {said}, which is {output.shape}")
    if expected_output is not None:
        np.testing.assert_allclose(output, expected_output, rtol=1e-3)

    _same_predictions(Model.from_config(model.get_config()), model, input_data)
    if has_arg(layer.call, "training"):
        model.compile("rmsprop", "mse")
        model.train_on_batch(input_data, output)

    first = {**layer_cls(**kwargs).get_config(), "batch_input_shape": batch_shape, "dtype": input_dtype}
    model = Sequential([layer_cls.from_config(first)])
    output = model.predict(input_data)
    _same_predictions(Sequential.from_config(model.get_config()), model, input_data)
    model.compile("rmsprop", "mse")
    model.train_on_batch(input_data, output)
    return output


def _same_predictions(copy, model, data):
    weights = model.get_weights()
    if weights:
        copy.set_weights(weights)
    np.testing.assert_allclose(copy.predict(data), model.predict(data), rtol=1e-3)


def _require(holds, layer, problem):
    if not holds:
        raise AssertionError(f"Layer {layer.name} {problem}.")
