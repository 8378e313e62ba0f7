"""Programs around compile and fit: optimizers, callbacks, metrics and losses of one's own, several outputs."""

import numpy as np
import pytest

import kjax as keras
from kjax import backend as K
from kjax import losses
from kjax.callbacks import Callback, LambdaCallback
from kjax.layers import Dense, Dropout, Input, Lambda
from kjax.legacy import interfaces
from kjax.models import Model, Sequential, load_model
from kjax.optimizers import SGD, Optimizer


class PlainSGD(Optimizer):
    """An optimizer as written against Keras 2.2: its own variables and updates."""

    def __init__(self, lr=0.01, momentum=0.0, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.momentum = K.variable(momentum, name="momentum")
            self.decay = K.variable(decay, name="decay")
        self.initial_decay = decay

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        lr = self.lr
        if self.initial_decay > 0:
            lr = lr * (1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay))))
        shapes = [K.int_shape(p) for p in params]
        moments = [K.zeros(shape) for shape in shapes]
        self.weights = [self.iterations] + moments
        for p, g, m in zip(params, grads, moments, strict=True):
            v = self.momentum * m - lr * g
            self.updates.append(K.update(m, v))
            new_p = p + v
            if getattr(p, "constraint", None) is not None:
                new_p = p.constraint(new_p)
            self.updates.append(K.update(p, new_p))
        return self.updates

    def get_config(self):
        config = {
            "lr": float(K.get_value(self.lr)),
            "momentum": float(K.get_value(self.momentum)),
            "decay": float(K.get_value(self.decay)),
        }
        return dict(list(super().get_config().items()) + list(config.items()))


def regression(n=40):
    x = np.random.rand(n, 3)
    return x, x @ np.array([[1.0], [2.0], [-1.0]])


def test_an_optimizer_of_one_s_own_equals_the_built_in_one():
    x, y = regression()
    model = Sequential([Dense(4, input_shape=(3,), activation="tanh", kernel_constraint="max_norm"), Dense(1)])
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    model.compile(PlainSGD(lr=0.1, momentum=0.9, decay=0.01), "mse")
    twin.compile(SGD(lr=0.1, momentum=0.9, decay=0.01), "mse")
    for m in (model, twin):
        m.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert K.get_value(model.optimizer.iterations) == 15
    K.set_value(model.optimizer.lr, 0.0)
    K.set_value(model.optimizer.momentum, 0.0)
    before = model.get_weights()
    model.train_on_batch(x, y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_a_model_with_an_optimizer_of_one_s_own_is_loaded_compiled(tmp_path):
    x, y = regression()
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(PlainSGD(lr=0.05, momentum=0.9), "mse")
    model.fit(x, y, verbose=0)
    path = str(tmp_path / "own.h5")
    model.save(path)
    loaded = load_model(path, custom_objects={"PlainSGD": PlainSGD})
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), atol=1e-6)
    assert isinstance(loaded.optimizer, PlainSGD)
    for m in (model, loaded):
        m.train_on_batch(x, y)
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), atol=1e-6)


class EMA(Callback):
    def on_train_begin(self, logs=None):
        self.shadow = self.model.get_weights()

    def on_batch_end(self, batch, logs=None):
        self.shadow = [0.9 * s + 0.1 * w for s, w in zip(self.shadow, self.model.get_weights(), strict=True)]


def test_callbacks_that_read_weights_predict_and_set_rates():
    x, y = regression()
    seen = {"predictions": [], "losses": [], "rates": []}

    class Watcher(Callback):
        def on_train_begin(self, logs=None):
            self.validation = self.validation_data

        def on_epoch_begin(self, epoch, logs=None):
            K.set_value(self.model.optimizer.lr, 0.1 / (epoch + 1))

        def on_batch_end(self, batch, logs=None):
            logs = logs or {}
            assert set(logs) >= {"batch", "size", "loss"}
            seen["losses"].append(float(logs["loss"]))

        def on_epoch_end(self, epoch, logs=None):
            seen["predictions"].append(self.model.predict(self.validation[0]))
            seen["rates"].append(float(K.get_value(self.model.optimizer.lr)))
            np.testing.assert_allclose(
                self.model.evaluate(self.validation[0], self.validation[1], verbose=0), logs["val_loss"], rtol=1e-4
            )
            if epoch == 2:
                self.model.stop_training = True

    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    ema, lines = EMA(), []
    history = model.fit(
        x, y, epochs=9, batch_size=16, validation_data=(x[:5], y[:5]), verbose=0,
        callbacks=[Watcher(), ema, LambdaCallback(on_epoch_end=lambda e, logs: lines.append((e, logs["loss"])))],
    )  # fmt: skip
    assert len(history.history["loss"]) == 3 == len(lines)
    assert len(seen["losses"]) == 9
    np.testing.assert_allclose(seen["rates"], [0.1, 0.05, 0.1 / 3], rtol=1e-6)
    np.testing.assert_allclose(seen["predictions"][-1], model.predict(x[:5]), rtol=1e-6)
    assert (seen["predictions"][0] != seen["predictions"][1]).any()
    assert all((a != b).any() for a, b in zip(ema.shadow, model.get_weights(), strict=True))


def test_a_loss_weight_held_in_a_variable_is_annealed_by_a_callback():
    x = Input((3,))
    h = Dense(2, name="h")(x)
    alpha = K.variable(0.0)
    model = Model(x, Dense(1)(h))
    model.compile("sgd", lambda t, p: losses.mean_squared_error(t, p) + alpha * K.mean(K.square(h), axis=-1))
    data, y = regression(12)
    plain = model.evaluate(data, y, verbose=0)
    K.set_value(alpha, 1.0)
    hidden = Model(x, h).predict(data)
    np.testing.assert_allclose(model.evaluate(data, y, verbose=0), plain + np.mean(hidden**2), rtol=1e-5)
    model.fit(
        data, y, epochs=3, verbose=0, callbacks=[LambdaCallback(on_epoch_begin=lambda e, _: K.set_value(alpha, e))]
    )
    assert K.get_value(alpha) == 2


def test_outputs_without_a_loss():
    x = Input((3,))
    a, b, c = Dense(1, name="a")(x), Dense(2, name="b")(x), Dense(1, name="c")(x)
    model = Model(x, [a, b, c])
    model.compile("sgd", loss=["mse", None, "mae"], loss_weights=[1.0, 0.0, 0.5], metrics={"a": "mae", "c": ["mse"]})
    assert model.metrics_names == ["loss", "a_loss", "c_loss", "a_mean_absolute_error", "c_mean_squared_error"]
    data, y = regression(10)
    before = model.get_layer("b").get_weights()
    logs = model.train_on_batch(data, [y, y])
    np.testing.assert_allclose(logs[0], logs[1] + 0.5 * logs[2], rtol=1e-5)
    for p, q in zip(before, model.get_layer("b").get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)
    assert [p.shape for p in model.predict(data)] == [(10, 1), (10, 2), (10, 1)]
    model.compile("sgd", loss={"a": "mse"})
    assert np.isfinite(model.fit(data, {"a": y}, verbose=0).history["loss"][0])


def test_metrics_on_inner_tensors_appended_after_compile():
    x = Input((3,))
    hidden = Dense(4, activation="relu", name="hidden")(x)
    model = Model(x, Dense(1)(hidden))
    penalty = 0.1 * K.mean(K.square(hidden))
    model.add_loss(penalty)
    model.compile("sgd", "mse")
    model.metrics_tensors.append(penalty)
    model.metrics_names.append("penalty")
    data, y = regression(12)
    h = Model(x, hidden).predict(data)
    loss, found = model.test_on_batch(data, y)
    np.testing.assert_allclose(found, 0.1 * np.mean(h**2), rtol=1e-5)
    mse = np.mean((y - model.predict(data)) ** 2)
    np.testing.assert_allclose(loss, mse + found, rtol=1e-5)
    history = model.fit(data, y, batch_size=5, epochs=2, verbose=0, validation_data=(data, y)).history
    assert set(history) == {"loss", "penalty", "val_loss", "val_penalty"}
    assert len(model.train_on_batch(data, y)) == 2


def test_metrics_appended_between_two_fits_appear():
    x = Input((3,))
    model = Model(x, Dense(1)(x))
    model.compile("sgd", "mse")
    data, y = regression(8)
    assert set(model.fit(data, y, verbose=0).history) == {"loss"}
    model.metrics_names.append("mean_output")
    model.metrics_tensors.append(K.mean(model.output))
    assert set(model.fit(data, y, verbose=0).history) == {"loss", "mean_output"}
    expected = model.predict(data).mean()
    np.testing.assert_allclose(model.test_on_batch(data, y)[1], expected, rtol=1e-5)
    model.metrics_names.append("forgotten")
    with pytest.raises(ValueError, match="forgotten"):
        model.fit(data, y, verbose=0)


def test_the_rate_as_a_metric():
    optimizer = keras.optimizers.Adam(0.003)

    def lr_metric(y_true, y_pred):
        return optimizer.lr

    lr_metric.__name__ = "lr"
    model = Sequential([Dense(1, input_shape=(3,))])
    model.compile(optimizer, "mse", metrics=[lr_metric])
    data, y = regression(8)
    np.testing.assert_allclose(model.fit(data, y, verbose=0).history["lr"], 0.003, rtol=1e-5)
    K.set_value(optimizer.lr, 0.1)
    np.testing.assert_allclose(model.test_on_batch(data, y)[1], 0.1, rtol=1e-5)


def test_a_stateful_metric_of_one_s_own():
    class BinaryTruePositives(keras.layers.Layer):
        def __init__(self, name="true_positives", **kwargs):
            super().__init__(name=name, **kwargs)
            self.stateful = True
            self.true_positives = K.variable(value=0, dtype="int32")

        def reset_states(self):
            K.set_value(self.true_positives, 0)

        def __call__(self, y_true, y_pred):
            y_true = K.cast(y_true, "int32")
            y_pred = K.cast(K.round(y_pred), "int32")
            correct_preds = K.cast(K.equal(y_pred, y_true), "int32")
            true_pos = K.cast(K.sum(correct_preds * y_true), "int32")
            current_true_pos = self.true_positives * 1
            self.add_update(K.update_add(self.true_positives, true_pos), inputs=[y_true, y_pred])
            return current_true_pos + true_pos

    model = Sequential([Dense(1, activation="sigmoid", input_shape=(2,))])
    metric = BinaryTruePositives()
    model.compile("sgd", "binary_crossentropy", metrics=["acc", metric])
    x = np.random.randn(20, 2)
    y = (np.random.rand(20, 1) > 0.4).astype(int)
    expected = int(((model.predict(x) > 0.5) & (y == 1)).sum())
    found = model.evaluate(x, y, batch_size=6, verbose=0)
    assert found[2] == expected
    assert model.evaluate(x, y, batch_size=5, verbose=0)[2] == expected
    history = model.fit(x, y, epochs=2, batch_size=6, validation_data=(x, y), verbose=0).history
    assert history["val_true_positives"][-1] == int(((model.predict(x) > 0.5) & (y == 1)).sum())


def test_precision_recall_and_f1_as_functions():
    def recall(y_true, y_pred):
        true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        return true_positives / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())

    def precision(y_true, y_pred):
        true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
        return true_positives / (K.sum(K.round(K.clip(y_pred, 0, 1))) + K.epsilon())

    def f1(y_true, y_pred):
        p, r = precision(y_true, y_pred), recall(y_true, y_pred)
        return 2 * ((p * r) / (p + r + K.epsilon()))

    def dice_coef_loss(y_true, y_pred, smooth=1.0):
        y_true_f, y_pred_f = K.flatten(y_true), K.flatten(y_pred)
        return 1 - (2.0 * K.sum(y_true_f * y_pred_f) + smooth) / (K.sum(y_true_f) + K.sum(y_pred_f) + smooth)

    model = Sequential([Dense(1, activation="sigmoid", input_shape=(2,))])
    model.compile("adam", dice_coef_loss, metrics=[precision, recall, f1])
    x = np.random.randn(30, 2)
    y = (np.random.rand(30, 1) > 0.5).astype(float)
    p = model.predict(x)
    loss, pre, rec, f = model.evaluate(x, y, batch_size=30, verbose=0)
    np.testing.assert_allclose(loss, 1 - (2 * (y * p).sum() + 1) / (y.sum() + p.sum() + 1), rtol=1e-5)
    hit = ((p > 0.5) & (y == 1)).sum()
    np.testing.assert_allclose([pre, rec], [hit / (p > 0.5).sum(), hit / y.sum()], rtol=1e-4)
    np.testing.assert_allclose(f, 2 * pre * rec / (pre + rec), rtol=1e-4)
    np.testing.assert_allclose(model.train_on_batch(x[:7], y[:7])[0], dice_of(y[:7], p[:7]), rtol=1e-5)


def dice_of(y, p):
    return 1 - (2 * (y * p).sum() + 1) / (y.sum() + p.sum() + 1)


def test_focal_loss_factory_and_its_name_in_custom_objects(tmp_path):
    def focal_loss(gamma=2.0, alpha=0.25):
        def focal_loss_fixed(y_true, y_pred):
            pt_1 = K.switch(K.equal(y_true, 1), y_pred, K.ones_like(y_pred))
            pt_0 = K.switch(K.equal(y_true, 0), y_pred, K.zeros_like(y_pred))
            pt_1, pt_0 = K.clip(pt_1, 1e-3, 0.999), K.clip(pt_0, 1e-3, 0.999)
            return -K.sum(alpha * K.pow(1.0 - pt_1, gamma) * K.log(pt_1)) - K.sum(
                (1 - alpha) * K.pow(pt_0, gamma) * K.log(1.0 - pt_0)
            )

        return focal_loss_fixed

    model = Sequential([Dense(1, activation="sigmoid", input_shape=(2,))])
    model.compile("adam", loss=[focal_loss(alpha=0.25, gamma=2)])
    x, y = np.random.randn(9, 2), np.arange(9)[:, None] % 2
    p = np.clip(model.predict(x), 1e-3, 0.999)
    expected = -np.sum(0.25 * (1 - p[y == 1]) ** 2 * np.log(p[y == 1]))
    expected -= np.sum(0.75 * p[y == 0] ** 2 * np.log(1 - p[y == 0]))
    np.testing.assert_allclose(model.train_on_batch(x, y), expected, rtol=2e-2)
    model.save(str(tmp_path / "focal.h5"))
    again = load_model(str(tmp_path / "focal.h5"), custom_objects={"focal_loss_fixed": focal_loss()})
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-5)


def test_weighted_classes_in_the_loss_and_a_mask_in_the_targets():
    weights = K.variable(np.array([0.2, 1.0, 3.0]))

    def weighted_crossentropy(y_true, y_pred):
        y_pred = y_pred / K.sum(y_pred, axis=-1, keepdims=True)
        y_pred = K.clip(y_pred, K.epsilon(), 1 - K.epsilon())
        return -K.sum(y_true * K.log(y_pred) * weights, -1)

    def masked_mse(y_true, y_pred):
        valid = K.cast(K.not_equal(y_true, -1), K.floatx())
        return K.sum(K.square(valid * (y_true - y_pred)), axis=-1) / K.maximum(K.sum(valid, axis=-1), 1.0)

    x = Input((4,))
    model = Model(x, [Dense(3, activation="softmax", name="k")(x), Dense(2, name="r")(x)])
    model.compile("adam", {"k": weighted_crossentropy, "r": masked_mse})
    data, k = np.random.rand(6, 4), np.eye(3)[np.arange(6) % 3]
    r = np.random.rand(6, 2)
    r[::2, 0] = -1
    p, q = model.predict(data)
    first = -(k * np.log(p) * np.array([0.2, 1, 3])).sum(-1).mean()
    valid = r != -1
    second = ((valid * (r - q)) ** 2).sum(-1) / valid.sum(-1)
    np.testing.assert_allclose(model.test_on_batch(data, [k, r])[1:], [first, second.mean()], rtol=1e-5)


def test_two_models_trained_in_turn_keep_their_own_optimizers():
    x, y = regression()
    shared = Dense(4, input_shape=(3,), activation="relu")
    first, second = Sequential([shared, Dense(1)]), Sequential([shared, Dense(1)])
    first.compile("adam", "mse")
    second.compile(SGD(0.1, momentum=0.9), "mse")
    a, b = first.evaluate(x, y, verbose=0), second.evaluate(x, y, verbose=0)
    for _ in range(30):
        first.train_on_batch(x, y)
        second.train_on_batch(x, y)
    assert K.get_value(first.optimizer.iterations) == 30 == K.get_value(second.optimizer.iterations)
    assert first.evaluate(x, y, verbose=0) < a and second.evaluate(x, y, verbose=0) < b
    np.testing.assert_array_equal(first.get_weights()[0], second.get_weights()[0])


def test_one_optimizer_object_given_to_two_models():
    x, y = regression(10)
    optimizer = keras.optimizers.Adam(0.01)
    models = [Sequential([Dense(n, input_shape=(3,)), Dense(1)]) for n in (2, 5)]
    for model in models:
        model.compile(optimizer, "mse")
    for _ in range(3):
        for model in models:
            before = model.get_weights()
            model.train_on_batch(x, y)
            assert all((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_target_network_that_follows_slowly():
    def network():
        return Sequential([Dense(8, activation="relu", input_shape=(3,)), Dense(2)])

    online, target = network(), network()
    target.set_weights(online.get_weights())
    online.compile("adam", "mse")
    target.compile("sgd", "mse")
    states = np.random.rand(16, 3)
    for _ in range(3):
        q = online.predict(states)
        q[np.arange(16), np.arange(16) % 2] = 1 + 0.9 * target.predict(states).max(axis=1)
        online.train_on_batch(states, q)
    soft = K.function(
        [], [], updates=[K.update(t, 0.9 * t + 0.1 * o) for t, o in zip(target.weights, online.weights, strict=True)]
    )
    expected = [0.9 * t + 0.1 * o for t, o in zip(target.get_weights(), online.get_weights(), strict=True)]
    soft([])
    for a, b in zip(target.get_weights(), expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_dqn_with_the_loss_as_an_output():
    states, actions, targets = Input((3,)), Input((2,)), Input((2,))
    q = Dense(2, name="q")(states)

    def clipped_masked_error(args):
        y_true, y_pred, mask = args
        error = K.abs(y_true - y_pred)
        loss = K.switch(error < 1.0, 0.5 * K.square(error), error - 0.5)
        return K.sum(loss * mask, axis=-1)

    loss_out = Lambda(clipped_masked_error, output_shape=(1,), name="loss")([targets, q, actions])
    trainable_model = Model([states, targets, actions], [loss_out, q])
    trainable_model.compile("adam", loss=[lambda y_true, y_pred: y_pred, lambda y_true, y_pred: K.zeros_like(y_pred)])
    x, t, a = np.random.rand(6, 3), 3 * np.random.rand(6, 2), np.eye(2)[np.arange(6) % 2]
    e = np.abs(t - Model(states, q).predict(x))
    expected = (np.where(e < 1, 0.5 * e**2, e - 0.5) * a).sum(-1).mean()
    found = trainable_model.train_on_batch([x, t, a], [np.zeros(6), np.zeros((6, 2))])
    np.testing.assert_allclose(found[:2], [expected, expected], rtol=1e-5)


def test_uncertainty_weighting_with_trained_log_variances():
    class CustomMultiLossLayer(keras.layers.Layer):
        def __init__(self, nb_outputs=2, **kwargs):
            self.nb_outputs = nb_outputs
            self.is_placeholder = True
            super().__init__(**kwargs)

        def build(self, input_shape=None):
            self.log_vars = []
            for i in range(self.nb_outputs):
                self.log_vars += [
                    self.add_weight(name=f"log_var{i}", shape=(1,), initializer=keras.initializers.Constant(0.0))
                ]
            super().build(input_shape)

        def multi_loss(self, ys_true, ys_pred):
            loss = 0
            for y_true, y_pred, log_var in zip(ys_true, ys_pred, self.log_vars, strict=True):
                precision = K.exp(-log_var[0])
                loss += K.sum(precision * (y_true - y_pred) ** 2.0 + log_var[0], -1)
            return K.mean(loss)

        def call(self, inputs):
            ys_true, ys_pred = inputs[: self.nb_outputs], inputs[self.nb_outputs :]
            self.add_loss(self.multi_loss(ys_true, ys_pred), inputs=inputs)
            return K.concatenate(inputs, -1)

    x, y1, y2 = Input((3,)), Input((1,)), Input((1,))
    out = CustomMultiLossLayer(nb_outputs=2)([y1, y2, Dense(1)(x), Dense(1)(x)])
    model = Model([x, y1, y2], out)
    model.compile("adam", loss=None)
    data, y = regression(16)
    history = model.fit([data, y, 2 * y], epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert len(model.layers[-1].trainable_weights) == 2 and all(K.get_value(v) != 0 for v in model.layers[-1].log_vars)


def test_a_subclassed_model_with_a_custom_train_loop():
    class MLP(Model):
        def __init__(self, use_dp=False):
            super().__init__(name="mlp")
            self.dense1, self.dense2 = Dense(8, activation="relu"), Dense(1)
            self.dp = Dropout(0.5) if use_dp else None

        def call(self, inputs):
            x = self.dense1(inputs)
            if self.dp is not None:
                x = self.dp(x)
            return self.dense2(x)

    x, y = regression()
    model = MLP(use_dp=True)
    model.compile("adam", "mse")
    first = model.evaluate(x, y, verbose=0)
    for _ in range(20):
        model.fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert model.evaluate(x, y, verbose=0) < first
    assert len(model.trainable_weights) == 4


def test_errors_of_wrong_losses_name_what_came():
    model = Sequential([Dense(1, input_shape=(3,))])
    with pytest.raises(TypeError, match="must return a tensor"):
        model.compile("sgd", lambda y_true, y_pred: None)
