"""A capsule network: squash, routing by agreement, lengths, margin loss, masking by class."""

import numpy as np

from kjax import backend as K
from kjax import initializers, layers, optimizers
from kjax.engine.base_layer import Layer
from kjax.models import Model


def squash(vectors, axis=-1):
    squared = K.sum(K.square(vectors), axis, keepdims=True)
    return squared / (1 + squared) / K.sqrt(squared + K.epsilon()) * vectors


class Length(Layer):
    def call(self, inputs, **kwargs):
        return K.sqrt(K.sum(K.square(inputs), -1) + K.epsilon())

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


class Mask(Layer):
    def call(self, inputs, **kwargs):
        if type(inputs) is list:
            inputs, mask = inputs
        else:
            x = K.sqrt(K.sum(K.square(inputs), -1))
            mask = K.one_hot(indices=K.argmax(x, 1), num_classes=K.int_shape(x)[1])
        return K.batch_flatten(inputs * K.expand_dims(mask, -1))

    def compute_output_shape(self, input_shape):
        shape = input_shape[0] if type(input_shape[0]) is tuple else input_shape
        return (None, shape[1] * shape[2])


class CapsuleLayer(Layer):
    def __init__(self, num_capsule, dim_capsule, routings=3, kernel_initializer="glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.num_capsule = num_capsule
        self.dim_capsule = dim_capsule
        self.routings = routings
        self.kernel_initializer = initializers.get(kernel_initializer)

    def build(self, input_shape):
        assert len(input_shape) >= 3
        self.input_num_capsule, self.input_dim_capsule = input_shape[1], input_shape[2]
        self.W = self.add_weight(
            shape=[self.num_capsule, self.input_num_capsule, self.dim_capsule, self.input_dim_capsule],
            initializer=self.kernel_initializer,
            name="W",
        )
        self.built = True

    def call(self, inputs, training=None):
        expanded = K.expand_dims(inputs, 1)
        tiled = K.tile(expanded, [1, self.num_capsule, 1, 1])
        inputs_hat = K.map_fn(lambda x: K.batch_dot(x, self.W, [2, 3]), elems=tiled)
        b = K.zeros(shape=[K.shape(inputs_hat)[0], self.num_capsule, self.input_num_capsule])
        for i in range(self.routings):
            c = K.softmax(b, axis=1)
            outputs = squash(K.batch_dot(c, inputs_hat, [2, 2]))
            if i < self.routings - 1:
                b += K.batch_dot(outputs, inputs_hat, [2, 3])
        return outputs

    def compute_output_shape(self, input_shape):
        return (None, self.num_capsule, self.dim_capsule)

    def get_config(self):
        config = {"num_capsule": self.num_capsule, "dim_capsule": self.dim_capsule, "routings": self.routings}
        return {**super().get_config(), **config}


def margin_loss(y_true, y_pred):
    loss = y_true * K.square(K.maximum(0.0, 0.9 - y_pred)) + 0.5 * (1 - y_true) * K.square(K.maximum(0.0, y_pred - 0.1))
    return K.mean(K.sum(loss, 1))


def caps_net(classes=3):
    x = layers.Input(shape=(8, 8, 1))
    conv = layers.Conv2D(8, 3, activation="relu", name="conv1")(x)
    primary = layers.Conv2D(8, 3, strides=2, name="primarycap_conv2d")(conv)
    primary = layers.Reshape(target_shape=[-1, 4], name="primarycap_reshape")(primary)
    primary = layers.Lambda(squash, name="primarycap_squash")(primary)
    digitcaps = CapsuleLayer(num_capsule=classes, dim_capsule=5, routings=3, name="digitcaps")(primary)
    out_caps = Length(name="capsnet")(digitcaps)
    y = layers.Input(shape=(classes,))
    decoder = layers.Dense(16, activation="relu", input_dim=5 * classes)
    rebuild = layers.Dense(64, activation="sigmoid")
    reshape = layers.Reshape(target_shape=(8, 8, 1), name="out_recon")
    train_model = Model([x, y], [out_caps, reshape(rebuild(decoder(Mask()([digitcaps, y]))))])
    eval_model = Model(x, [out_caps, reshape(rebuild(decoder(Mask()(digitcaps))))])
    return train_model, eval_model, digitcaps


def numpy_routing(u, w, routings):
    hat = np.einsum("jidk,bik->bjid", w, u)
    b = np.zeros(hat.shape[:3])
    for _ in range(routings):
        c = np.exp(b) / np.exp(b).sum(axis=1, keepdims=True)
        s = np.einsum("bji,bjid->bjd", c, hat)
        n = np.sum(s**2, axis=-1, keepdims=True)
        v = n / (1 + n) / np.sqrt(n + 1e-7) * s
        b = b + np.einsum("bjd,bjid->bji", v, hat)
    return v


def test_routing_by_agreement_has_the_right_numbers():
    x = layers.Input((6, 4))
    layer = CapsuleLayer(3, 5, routings=3)
    model = Model(x, layer(x))
    u = np.random.randn(2, 6, 4)
    np.testing.assert_allclose(model.predict(u), numpy_routing(u, layer.get_weights()[0], 3), atol=1e-5)


def test_capsule_network_trains_and_evaluates():
    train_model, eval_model, _ = caps_net()
    train_model.compile(
        optimizers.Adam(0.01), loss=[margin_loss, "mse"], loss_weights=[1.0, 0.392], metrics={"capsnet": "accuracy"}
    )
    labels = np.arange(24) % 3
    x = np.zeros((24, 8, 8, 1)) + 0.05 * np.random.rand(24, 8, 8, 1)
    for i, k in enumerate(labels):
        x[i, :, 2 * k : 2 * k + 3] += 0.9
    y = np.eye(3)[labels]
    history = train_model.fit([x, y], [y, x], batch_size=10, epochs=12, verbose=0).history
    assert history["capsnet_loss"][-1] < 0.6 * history["capsnet_loss"][0]
    assert "capsnet_acc" in history and "out_recon_loss" in history
    lengths, images = eval_model.predict(x, batch_size=10)
    assert (lengths.argmax(1) == labels).mean() > 0.6
    assert images.shape == (24, 8, 8, 1)


def test_capsule_network_survives_json():
    _, eval_model, _ = caps_net()
    from kjax.models import model_from_json

    names = {"CapsuleLayer": CapsuleLayer, "Length": Length, "Mask": Mask, "squash": squash}
    again = model_from_json(eval_model.to_json(), custom_objects=names)
    again.set_weights(eval_model.get_weights())
    x = np.random.rand(2, 8, 8, 1)
    for a, b in zip(eval_model.predict(x), again.predict(x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_capsules_by_local_convolution_with_shared_weights():
    class Capsule(Layer):
        def __init__(self, num_capsule, dim_capsule, routings=3, share_weights=True, activation="squash", **kwargs):
            super().__init__(**kwargs)
            self.num_capsule, self.dim_capsule, self.routings = num_capsule, dim_capsule, routings

        def build(self, input_shape):
            super().build(input_shape)
            self.W = self.add_weight(
                name="capsule_kernel",
                shape=(1, input_shape[-1], self.num_capsule * self.dim_capsule),
                initializer="glorot_uniform",
                trainable=True,
            )

        def call(self, u_vecs):
            u_hat_vecs = K.conv1d(u_vecs, self.W)
            batch_size = K.shape(u_vecs)[0]
            input_num_capsule = K.shape(u_vecs)[1]
            u_hat_vecs = K.reshape(u_hat_vecs, (batch_size, input_num_capsule, self.num_capsule, self.dim_capsule))
            u_hat_vecs = K.permute_dimensions(u_hat_vecs, (0, 2, 1, 3))
            b = K.zeros_like(u_hat_vecs[:, :, :, 0])
            for i in range(self.routings):
                b = K.permute_dimensions(b, (0, 2, 1))
                c = K.softmax(b)
                c = K.permute_dimensions(c, (0, 2, 1))
                b = K.permute_dimensions(b, (0, 2, 1))
                outputs = squash(K.batch_dot(c, u_hat_vecs, [2, 2]))
                if i < self.routings - 1:
                    b = K.batch_dot(outputs, u_hat_vecs, [2, 3])
            return outputs

        def compute_output_shape(self, input_shape):
            return (None, self.num_capsule, self.dim_capsule)

    x = layers.Input((None, None, 4))
    capsule = Capsule(3, 5)(layers.Reshape((-1, 4))(x))
    model = Model(x, layers.Lambda(lambda z: K.sqrt(K.sum(K.square(z), 2)), output_shape=(3,))(capsule))
    model.compile("adam", margin_loss)
    assert model.output_shape == (None, 3)
    for size in (2, 3):
        assert model.predict(np.random.rand(4, size, size, 4)).shape == (4, 3)
    first = model.train_on_batch(np.ones((4, 2, 2, 4)), np.eye(3)[[0, 0, 0, 0]])
    for _ in range(20):
        last = model.train_on_batch(np.ones((4, 2, 2, 4)), np.eye(3)[[0, 0, 0, 0]])
    assert last < first
