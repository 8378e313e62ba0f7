"""Programs that build, wrap or replace `model.train_function`: lookahead, adversarial training, averaged weights."""

import numpy as np
import pytest

from kjax import backend as K
from kjax.layers import Dense, Dropout, Embedding, Flatten, Input
from kjax.models import Model, Sequential, clone_model, load_model
from kjax.optimizers import SGD, Adam


def data(n=24):
    x = np.random.RandomState(0).rand(n, 3).astype("float32")
    return x, x @ np.array([[1.0], [2.0], [-1.0]], "float32")


def network(optimizer=None, **compiled):
    model = Sequential([Dense(4, input_dim=3, activation="tanh"), Dense(1)])
    model.compile(optimizer or SGD(0.1), "mse", **compiled)
    return model


class Lookahead:
    """Fast weights by the optimizer, slow weights that follow every k steps; builds a training function of its own."""

    def __init__(self, k=5, alpha=0.5):
        self.k, self.alpha, self.count = k, alpha, 0

    def inject(self, model):
        if not hasattr(model, "train_function"):
            raise RuntimeError("compile first")
        model._check_trainable_weights_consistency()
        assert model.train_function is None
        inputs = model._feed_inputs + model._feed_targets + model._feed_sample_weights
        if model._uses_dynamic_learning_phase():
            inputs += [K.learning_phase()]
        fast_params = model._collected_trainable_weights
        with K.name_scope("training"), K.name_scope(model.optimizer.__class__.__name__):
            training_updates = model.optimizer.get_updates(params=fast_params, loss=model.total_loss)
            slow_params = [K.variable(p) for p in fast_params]
        fast_updates = model.updates + training_updates + model.metrics_updates
        slow_updates, copy_updates = [], []
        for p, q in zip(fast_params, slow_params, strict=True):
            slow_updates.append(K.update(q, q + self.alpha * (p - q)))
            copy_updates.append(K.update(p, q))
        fast = K.function(
            inputs,
            [model.total_loss] + model.metrics_tensors,
            updates=fast_updates,
            name="fast_train_function",
            **model._function_kwargs,
        )

        def step(inputs):
            self.count += 1
            results = fast(inputs)
            if self.count % self.k == 0:
                K.batch_get_value(slow_updates)
                K.batch_get_value(copy_updates)
            return results

        model.train_function = step


def test_lookahead_equals_its_formula():
    model, plain = network(Adam(0.05), metrics=["mae"]), network(Adam(0.05), metrics=["mae"])
    plain.set_weights(model.get_weights())
    Lookahead(k=2, alpha=0.25).inject(model)
    x, y = data()
    history = model.fit(x, y, batch_size=6, epochs=2, shuffle=False, verbose=0, validation_data=(x, y))
    slow = plain.get_weights()
    losses = []
    for i in range(8):
        at = slice(i % 4 * 6, i % 4 * 6 + 6)
        losses.append(plain.train_on_batch(x[at], y[at])[0])
        if i % 2:
            slow = [q + 0.25 * (p - q) for p, q in zip(plain.get_weights(), slow, strict=True)]
            plain.set_weights(slow)
    for a, b in zip(model.get_weights(), slow, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(history.history["loss"], [np.mean(losses[:4]), np.mean(losses[4:])], rtol=1e-4)
    assert set(history.history) == {"loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"}
    assert K.get_value(model.optimizer.iterations) == 8


def test_a_batch_that_is_not_full_and_dropout_reach_the_function_as_they_are():
    model = Sequential([Dropout(0.5, input_shape=(3,)), Dense(1)])
    model.compile("sgd", "mse")
    seen = []
    model._make_train_function()
    old = model.train_function

    def step(inputs):
        seen.append([np.shape(v) for v in inputs] + [inputs[-1]])
        return old(inputs)

    model.train_function = step
    x, y = data(10)
    model.fit(x, y, batch_size=4, verbose=0, sample_weight=np.arange(10.0))
    assert seen == [[(n, 3), (n, 1), (n,), (), 1.0] for n in (4, 4, 2)]
    model.fit_generator(iter([(x, y)] * 2), steps_per_epoch=2, verbose=0)
    assert len(seen) == 5 and seen[-1][0] == (10, 3)
    model.train_on_batch(x, y)
    assert len(seen) == 6


def test_wrapping_the_step_changes_nothing_else():
    model = network(Adam(0.05), metrics=["mae"])
    twin = clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile(Adam(0.05), "mse", metrics=["mae"])
    model.fit(
        *data(), batch_size=8, shuffle=False, verbose=0
    )  # compiled steps and the function share the optimizer's state
    model._make_train_function()
    old, calls = model.train_function, []
    model.train_function = lambda inputs: calls.append(len(inputs)) or old(inputs)
    h = model.fit(*data(), batch_size=8, shuffle=False, verbose=0).history
    twin.fit(*data(), batch_size=8, shuffle=False, verbose=0)
    want = twin.fit(*data(), batch_size=8, shuffle=False, verbose=0).history
    assert calls == [3, 3, 3]
    np.testing.assert_allclose([h[k] for k in sorted(h)], [want[k] for k in sorted(want)], rtol=1e-5)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    model.compile("sgd", "mse")
    assert model.train_function is None


def test_adversarial_training_of_embeddings():
    x = Input((4,), dtype="int32")
    out = Dense(1, activation="sigmoid")(Dropout(0.1)(Flatten()(Embedding(10, 3, name="words")(x))))
    model = Model(x, out)
    model.compile(Adam(0.02), "binary_crossentropy")
    model._make_train_function()
    old = model.train_function
    words = model.get_layer("words").embeddings
    gradients = K.zeros_like(words) + K.gradients(model.total_loss, [words])[0]
    inputs = model._feed_inputs + model._feed_targets + model._feed_sample_weights
    of_words = K.function(inputs=inputs, outputs=[gradients], name="embedding_gradients")
    moved = []

    def step(inputs):
        grads = of_words(inputs)[0]
        delta = 0.1 * grads / (np.sqrt((grads**2).sum()) + 1e-8)
        K.set_value(words, K.eval(words) + delta)
        moved.append(np.sqrt((delta**2).sum()))
        outputs = old(inputs)
        K.set_value(words, K.eval(words) - delta)
        return outputs

    model.train_function = step
    random = np.random.RandomState(0)
    tokens = random.randint(10, size=(64, 4))
    y = (tokens[:, :1] > 4).astype(float)
    losses = model.fit(tokens, y, batch_size=16, epochs=40, verbose=0).history["loss"]
    np.testing.assert_allclose(moved, 0.1, rtol=1e-4)
    assert losses[-1] < 0.7 * losses[0]


def test_averaged_weights_by_an_update_that_is_appended():
    model = network()
    x, y = data()
    model.train_on_batch(x, y)
    averages = [K.zeros(K.shape(w)) for w in model.weights]
    K.batch_set_value(list(zip(averages, K.batch_get_value(model.weights), strict=True)))
    for a, w in zip(averages, model.weights, strict=True):
        model.metrics_updates.append(K.moving_average_update(a, w, 0.9))
    want = model.get_weights()
    for _ in range(3):
        want = [0.9 * a + 0.1 * w for a, w in zip(want, model.get_weights(), strict=True)]
        model.train_on_batch(x, y)
    for a, b in zip(K.batch_get_value(averages), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_a_model_class_with_a_training_function_of_its_own():
    class Doubled(Model):
        def _make_train_function(self):
            if self.train_function is None:
                updates = self.optimizer.get_updates(params=self._collected_trainable_weights, loss=self.total_loss * 2)
                self.train_function = K.function(
                    self._feed_inputs + self._feed_targets + self._feed_sample_weights,
                    [self.total_loss],
                    updates=updates,
                )

    x = Input((3,))
    y = Dense(1)(x)
    model, plain = Doubled(x, y), Model(x, y)
    model.compile(SGD(0.05), "mse")
    plain.compile(SGD(0.1), "mse")
    start = model.get_weights()
    model.fit(*data(), epochs=2, verbose=0, shuffle=False)
    got = model.get_weights()
    plain.set_weights(start)
    plain.fit(*data(), epochs=2, verbose=0, shuffle=False)
    for a, b in zip(got, plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_test_and_predict_functions():
    model = Sequential([Dense(4, input_dim=3), Dropout(0.5), Dense(1)])
    model._make_predict_function()  # needs no compilation; servers call it before they start threads
    x, y = data(8)
    (out,) = model.predict_function([x, 0])
    np.testing.assert_allclose(out, model.predict(x), rtol=1e-6)
    assert not np.allclose(model.predict_function([x, 1])[0], out)
    model.compile("sgd", "mse", metrics=["mae"])
    model._make_test_function()
    got = model.test_function([x, y, np.ones(8), 0])
    np.testing.assert_allclose(got, model.evaluate(x, y, verbose=0), rtol=1e-5)
    model.predict_function = lambda inputs: [np.full((len(inputs[0]), 1), 7.0)]
    assert (model.predict(x) == 7).all() and model.predict(x).shape == (8, 1)
    model.test_function = lambda inputs: [1.0, 2.0]
    assert model.evaluate(x, y, verbose=0) == [1.0, 2.0]


def test_errors():
    model = Sequential([Dense(1, input_dim=3)])
    with pytest.raises(RuntimeError, match="You must compile your model"):
        model._make_train_function()
    model.compile("sgd", "mse", metrics=["mae"])
    model._make_train_function()
    x, y = data(4)
    with pytest.raises(ValueError, match=r"train_function of model sequential_1: 3 arrays are required.*got 2"):
        model.train_function([x, y])
    with pytest.raises(ValueError, match="a training step runs in the training phase"):
        model.train_function([x, y, np.ones(4), 0])
    model.train_function = lambda inputs: [0.5]
    with pytest.raises(
        ValueError, match=r"must return 2 figure\(s\), \['loss', 'mean_absolute_error'\]; it returned 1"
    ):
        model.fit(x, y, verbose=0)
    f = K.function(model.inputs, model.outputs)
    assert f([x, 0])[0].shape == (4, 1)
    with pytest.raises(ValueError, match="inputs must hold 1 value"):
        f([x, x])


def test_a_loaded_optimizer_goes_on_in_a_function_of_one_s_own(tmp_path):
    model = network(Adam(0.05))
    x, y = data()
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.h5")
    loaded = load_model(tmp_path / "m.h5")
    Lookahead(k=100).inject(loaded)
    assert K.get_value(loaded.optimizer.iterations) == 1
    for m in (model, loaded):
        m.train_on_batch(x, y)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    loaded.save(tmp_path / "again.h5")
    assert K.get_value(load_model(tmp_path / "again.h5").optimizer.iterations) == 2
