"""What `compile` makes of a model: whether many of its steps may go out in one dispatch."""

import flax.linen as nn
import jax
import pytest

import kjax as keras
from kjax import backend as K
from kjax.layers import (
    LSTM,
    Conv1D,
    Conv2DTranspose,
    ConvLSTM2D,
    Dense,
    DepthwiseConv2D,
    Lambda,
    Layer,
    LocallyConnected1D,
    MaxPooling2D,
    SeparableConv1D,
    TimeDistributed,
)


class OwnConv(Layer):
    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", (2, 2, input_shape[-1], 2))
        super().build(input_shape)

    def call(self, inputs):
        return K.conv2d(inputs, self.kernel)


class Elsewhere(Layer):
    """Runs a Flax module that kjax knows nothing about."""

    def call(self, inputs):
        return self.apply_module(nn.LayerNorm(use_bias=False, use_scale=False), inputs)


def convolving_step(x, states):
    y = K.conv1d(K.expand_dims(x), K.ones((2, 1, 1)), padding="same")[..., 0]
    return y, [y]


def with_gradient(x):
    y = K.conv1d(x, K.ones((2, 3, 1)))
    return K.gradients(K.sum(K.square(y)), [x])[0]


SLOW = {
    "Conv1D": (Conv1D(2, 2), (4, 3)),
    "SeparableConv1D": (SeparableConv1D(2, 2), (4, 3)),
    "DepthwiseConv2D": (DepthwiseConv2D(2), (4, 4, 1)),
    "Conv2DTranspose": (Conv2DTranspose(1, 2), (4, 4, 1)),
    "ConvLSTM2D": (ConvLSTM2D(1, 2), (2, 4, 4, 1)),
    "within TimeDistributed": (TimeDistributed(Conv1D(1, 2)), (2, 4, 3)),
    "K.conv2d": (OwnConv(), (4, 4, 1)),
    "K.separable_conv1d": (Lambda(lambda x: K.separable_conv1d(x, K.ones((2, 3, 1)), K.ones((1, 3, 1)))), (4, 3)),
    "K.conv2d_transpose": (
        Lambda(lambda x: K.conv2d_transpose(x, K.ones((2, 2, 1, 1)), (None, 5, 5, 1))),
        (4, 4, 1),
    ),
    "in the body of K.rnn": (Lambda(lambda x: K.rnn(convolving_step, x, [K.zeros_like(x[:, 0])])[0]), (4, 3)),
    "in what K.gradients takes": (Lambda(with_gradient), (4, 3)),
    "a module from elsewhere": (Elsewhere(), (3,)),
}
FAST = {
    "Dense": (Dense(2), (3,)),
    "LSTM": (LSTM(2), (4, 3)),
    "MaxPooling2D": (MaxPooling2D(2), (4, 4, 1)),
    "LocallyConnected1D": (LocallyConnected1D(1, 2), (4, 3)),
    "K.rnn": (Lambda(lambda x: K.rnn(lambda x, s: (x + s[0], [x]), x, [K.zeros_like(x[:, 0])])[0]), (4, 3)),
}


def compiled(layer, shape):
    x = keras.layers.Input(shape)
    model = keras.models.Model(x, layer(x))
    model.compile("sgd", "mse")
    return model


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="on accelerators convolutions are as fast in loops")
@pytest.mark.parametrize("name", [*SLOW, *FAST])
def test_what_is_slow_in_a_compiled_loop_gets_a_dispatch_for_each_step(name):
    layer, shape = {**SLOW, **FAST}[name]
    assert compiled(layer, shape)._chunked == (name in FAST)
