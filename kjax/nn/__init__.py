"""Flax modules with Keras 2 numerics, and the pure functions they are made of."""

from __future__ import annotations

from kjax.nn.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax, ThresholdedReLU
from kjax.nn.convolution import (
    Conv,
    ConvTranspose,
    DepthwiseConv,
    LocallyConnected,
    SeparableConv,
    add_bias,
    conv_transpose,
    convolve,
    depthwise_conv,
    local_conv,
    separable_conv,
)
from kjax.nn.dense import Dense
from kjax.nn.embedding import Embedding
from kjax.nn.noise import AlphaDropout, Dropout, GaussianDropout, GaussianNoise
from kjax.nn.normalization import BatchNorm, moments, normalize
from kjax.nn.padding import Crop, UpSample, ZeroPad, crop, upsample, zero_pad
from kjax.nn.pooling import AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, avg_pool, global_pool, max_pool

__all__ = [
    "AlphaDropout",
    "AvgPool",
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "Crop",
    "Dense",
    "DepthwiseConv",
    "Dropout",
    "ELU",
    "Embedding",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "LeakyReLU",
    "LocallyConnected",
    "MaxPool",
    "PReLU",
    "ReLU",
    "SeparableConv",
    "Softmax",
    "ThresholdedReLU",
    "UpSample",
    "ZeroPad",
    "add_bias",
    "avg_pool",
    "conv_transpose",
    "convolve",
    "crop",
    "depthwise_conv",
    "global_pool",
    "local_conv",
    "max_pool",
    "moments",
    "normalize",
    "separable_conv",
    "upsample",
    "zero_pad",
]
