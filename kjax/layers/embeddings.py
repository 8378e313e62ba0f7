"""Embedding: integers to vectors."""

from __future__ import annotations

from kjax import backend as K
from kjax.engine.base_layer import Layer, to_list
from kjax.layers.fields import add_weight, given, positive_int, read_fields, write_fields
from kjax.nn import embedding

__all__ = ["Embedding"]


class Embedding(Layer):
    """Row x of a table, for every integer x.

    Input shape: (batch, ...) of integers 0 <= x < input_dim. Output shape: (batch, ..., output_dim).
    Weights: embeddings (input_dim, output_dim).

    Args:
        input_dim: int >= 1, number of rows.
        output_dim: int >= 1, length of a row.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint, activity_regularizer: of the table, the
            output.
        mask_zero: whether 0 marks padding, to be masked.
        input_length: length of the sequences, needed before Flatten; int or tuple.

    Differs: where the input of a model in memory goes straight into the layer, an index out of range is a ValueError
    before anything is computed; elsewhere it gives the nearest row. TensorFlow raises on a CPU, gives zeros on a GPU.
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        activity_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        input_length=None,
        **kwargs,
    ):
        if "input_shape" not in kwargs and "batch_input_shape" not in kwargs:
            kwargs["input_shape"] = tuple(to_list(input_length)) if input_length else (None,)
        super().__init__(**kwargs)
        self.input_dim = positive_int(input_dim, "input_dim", self.name)
        self.output_dim = positive_int(output_dim, "output_dim", self.name)
        read_fields(self, **given(locals(), "input_dim", "output_dim"))
        self.supports_masking = mask_zero

    def build(self, input_shape):
        self.embeddings = add_weight(self, "embeddings", (self.input_dim, self.output_dim))
        self.built = True

    @property
    def row_limit(self):
        """How many rows there are to look up: what the model checks its data against."""
        return self.input_dim

    def compute_mask(self, inputs, mask=None):
        return K.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        if self.input_length is None:
            return (*input_shape, self.output_dim)
        lengths = to_list(self.input_length)
        if len(lengths) != len(input_shape) - 1:
            raise ValueError(
                f"Layer {self.name}: input_length is {self.input_length}, but received input has shape "
                f"{tuple(input_shape)}."
            )
        sizes = []
        for want, got in zip(lengths, input_shape[1:], strict=True):
            if want is not None and got is not None and want != got:
                raise ValueError(
                    f"Layer {self.name}: input_length is {self.input_length}, but received input has shape "
                    f"{tuple(input_shape)}."
                )
            sizes.append(got if want is None else want)
        return (input_shape[0], *sizes, self.output_dim)

    def call(self, inputs):
        self.compute_output_shape(tuple(inputs.shape))  # refuses lengths other than input_length
        if self.compute_dtype is not None:
            inputs = K.cast(inputs, "int32")  # indices have no place in 16 bits
        return self.apply_module(embedding.Embedding(self.input_dim, self.output_dim), inputs)

    def get_config(self):
        own = write_fields(
            self,
            "input_dim",
            "output_dim",
            "embeddings_initializer",
            "embeddings_regularizer",
            "activity_regularizer",
            "embeddings_constraint",
            "mask_zero",
            "input_length",
        )
        return {**super().get_config(), **own}
