"""One row per layer: how to build it, what to feed it with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kjax import backend as K
from kjax import layers as L


class Row(NamedTuple):
    """A layer to test.

    Attributes:
        build: function making the layer.
        shapes: shapes of the inputs, without the batch axis.
        integer: None, or the upper bound of integer inputs.
    """

    build: object
    shapes: tuple
    integer: int | None = None


def row(build, *shapes, integer=None):
    return Row(build, shapes, integer)


def dense():
    return L.Dense(3)


IMAGE, SERIES, VOLUME = (6, 5, 2), (6, 3), (4, 4, 4, 2)

ROWS = {
    "Activation": row(lambda: L.Activation("softmax"), (4,)),
    "ActivityRegularization": row(lambda: L.ActivityRegularization(l1=0.1), (4,)),
    "Add": row(L.Add, (4,), (4,)),
    "AlphaDropout": row(lambda: L.AlphaDropout(0.2), (4,)),
    "Average": row(L.Average, (4,), (4,)),
    "AveragePooling1D": row(L.AveragePooling1D, SERIES),
    "AveragePooling2D": row(lambda: L.AveragePooling2D(padding="same"), IMAGE),
    "AveragePooling3D": row(L.AveragePooling3D, VOLUME),
    "BatchNormalization": row(L.BatchNormalization, IMAGE),
    "Bidirectional": row(lambda: L.Bidirectional(L.LSTM(2, return_sequences=True)), SERIES),
    "Concatenate": row(L.Concatenate, (4,), (3,)),
    "Conv1D": row(lambda: L.Conv1D(3, 2, padding="causal", dilation_rate=2), SERIES),
    "Conv2D": row(lambda: L.Conv2D(3, (3, 2), strides=2, activation="relu"), IMAGE),
    "Conv2DTranspose": row(lambda: L.Conv2DTranspose(3, 3, strides=2, padding="same"), IMAGE),
    "Conv3D": row(lambda: L.Conv3D(2, 2), VOLUME),
    "Conv3DTranspose": row(lambda: L.Conv3DTranspose(2, 2, strides=2), VOLUME),
    "ConvLSTM2D": row(lambda: L.ConvLSTM2D(2, 2), (3, *IMAGE)),
    "Cropping1D": row(L.Cropping1D, SERIES),
    "Cropping2D": row(lambda: L.Cropping2D(1), IMAGE),
    "Cropping3D": row(L.Cropping3D, VOLUME),
    "CuDNNGRU": row(lambda: L.CuDNNGRU(2), SERIES),
    "CuDNNLSTM": row(lambda: L.CuDNNLSTM(2), SERIES),
    "Dense": row(dense, (4,)),
    "DepthwiseConv2D": row(lambda: L.DepthwiseConv2D(3, depth_multiplier=2), IMAGE),
    "Dot": row(lambda: L.Dot(axes=1), (4,), (4,)),
    "Dropout": row(lambda: L.Dropout(0.3), (4,)),
    "ELU": row(L.ELU, (4,)),
    "Embedding": row(lambda: L.Embedding(7, 3, mask_zero=True), (5,), integer=7),
    "Flatten": row(L.Flatten, IMAGE),
    "GRU": row(lambda: L.GRU(3, reset_after=True), SERIES),
    "GaussianDropout": row(lambda: L.GaussianDropout(0.3), (4,)),
    "GaussianNoise": row(lambda: L.GaussianNoise(0.3), (4,)),
    "GlobalAveragePooling1D": row(L.GlobalAveragePooling1D, SERIES),
    "GlobalAveragePooling2D": row(L.GlobalAveragePooling2D, IMAGE),
    "GlobalAveragePooling3D": row(L.GlobalAveragePooling3D, VOLUME),
    "GlobalMaxPooling1D": row(L.GlobalMaxPooling1D, SERIES),
    "GlobalMaxPooling2D": row(L.GlobalMaxPooling2D, IMAGE),
    "GlobalMaxPooling3D": row(L.GlobalMaxPooling3D, VOLUME),
    "LSTM": row(lambda: L.LSTM(3, return_sequences=True), SERIES),
    "Lambda": row(lambda: L.Lambda(K.square), (4,)),
    "LeakyReLU": row(L.LeakyReLU, (4,)),
    "LocallyConnected1D": row(lambda: L.LocallyConnected1D(2, 3), SERIES),
    "LocallyConnected2D": row(lambda: L.LocallyConnected2D(2, 3), IMAGE),
    "Masking": row(L.Masking, SERIES),
    "MaxPooling1D": row(L.MaxPooling1D, SERIES),
    "MaxPooling2D": row(lambda: L.MaxPooling2D(padding="same"), IMAGE),
    "MaxPooling3D": row(L.MaxPooling3D, VOLUME),
    "Maximum": row(L.Maximum, (4,), (4,)),
    "Minimum": row(L.Minimum, (4,), (4,)),
    "Multiply": row(L.Multiply, (4,), (4,)),
    "PReLU": row(lambda: L.PReLU(shared_axes=[1, 2]), IMAGE),
    "Permute": row(lambda: L.Permute((2, 1)), SERIES),
    "RNN": row(lambda: L.RNN([L.GRUCell(3), L.LSTMCell(2)]), SERIES),
    "ReLU": row(lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), (4,)),
    "RepeatVector": row(lambda: L.RepeatVector(2), (4,)),
    "Reshape": row(lambda: L.Reshape((-1, 2)), (4,)),
    "SeparableConv1D": row(lambda: L.SeparableConv1D(3, 2), SERIES),
    "SeparableConv2D": row(lambda: L.SeparableConv2D(3, 2), IMAGE),
    "SimpleRNN": row(lambda: L.SimpleRNN(3, go_backwards=True), SERIES),
    "Softmax": row(L.Softmax, (4,)),
    "SpatialDropout1D": row(lambda: L.SpatialDropout1D(0.3), SERIES),
    "SpatialDropout2D": row(lambda: L.SpatialDropout2D(0.3), IMAGE),
    "SpatialDropout3D": row(lambda: L.SpatialDropout3D(0.3), VOLUME),
    "Subtract": row(L.Subtract, (4,), (4,)),
    "ThresholdedReLU": row(L.ThresholdedReLU, (4,)),
    "TimeDistributed": row(lambda: L.TimeDistributed(dense()), SERIES),
    "UpSampling1D": row(L.UpSampling1D, SERIES),
    "UpSampling2D": row(lambda: L.UpSampling2D(interpolation="bilinear"), IMAGE),
    "UpSampling3D": row(L.UpSampling3D, VOLUME),
    "ZeroPadding1D": row(L.ZeroPadding1D, SERIES),
    "ZeroPadding2D": row(L.ZeroPadding2D, IMAGE),
    "ZeroPadding3D": row(L.ZeroPadding3D, VOLUME),
}

# Classes that are no layers to apply to data: bases, cells (rows of RNN), and what kjax.compat adds for Keras 1.
NO_ROW = {
    "Layer", "InputLayer", "Wrapper", "ConvRNN2D", "ConvRecurrent2D", "ConvLSTM2DCell", "GRUCell", "LSTMCell",
    "SimpleRNNCell", "StackedRNNCells", "Recurrent",
}  # fmt: skip


def data(entry, batch=3, seed=0):
    """Inputs for a row."""
    rng = np.random.RandomState(seed)
    if entry.integer is not None:
        return [rng.randint(0, entry.integer, (batch, *s)) for s in entry.shapes]
    return [rng.randn(batch, *s).astype("float32") for s in entry.shapes]


def model_of(entry):
    """A compiled model that is this one layer."""
    from kjax.models import Model

    inputs = [L.Input(s, dtype="int32" if entry.integer else None) for s in entry.shapes]
    layer = entry.build()
    outputs = layer(inputs[0] if len(inputs) == 1 else inputs)
    model = Model(inputs, outputs)
    model.compile("adam", "mse")
    return model, layer
