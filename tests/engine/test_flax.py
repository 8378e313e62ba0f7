"""to_flax: a pure module with named variables that trains in a plain Flax and Optax loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kjax.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, concatenate
from kjax.models import Model, Sequential

RNG = np.random.RandomState(1)


def image_model():
    model = Sequential(
        [
            Conv2D(3, 3, activation="relu", input_shape=(6, 6, 1), name="conv"),
            BatchNormalization(name="norm"),
            Flatten(),
            Dropout(0.2),
            Dense(2, activation="softmax", name="out"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


X = RNG.randn(12, 6, 6, 1).astype("float32")
Y = RNG.randint(0, 2, 12)


def test_the_module_computes_what_the_model_predicts():
    model = image_model()
    model.fit(X, Y, verbose=0)
    module, variables = model.to_flax()
    np.testing.assert_allclose(module.apply(variables, X), model.predict(X), rtol=1e-6)
    assert {k: set(v) for k, v in variables.items()} == {"params": {"conv", "norm", "out"}, "batch_stats": {"norm"}}
    assert set(variables["batch_stats"]["norm"]) == {"moving_mean", "moving_variance"}
    np.testing.assert_array_equal(variables["params"]["out"]["kernel"], model.get_layer("out").get_weights()[0])


def test_it_trains_in_a_plain_loop_and_comes_back():
    model = image_model()
    module, variables = model.to_flax()
    params, stats = variables["params"], variables["batch_stats"]
    tx = optax.adam(1e-2)
    state = tx.init(params)

    @jax.jit
    def step(params, stats, state, key):
        def loss_of(params):
            p, changed = module.apply(
                {"params": params, "batch_stats": stats},
                X,
                training=True,
                mutable=["batch_stats"],
                rngs={"dropout": key},
            )
            return -jnp.mean(jnp.log(p[jnp.arange(12), Y])), changed["batch_stats"]

        (loss, stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
        updates, state_ = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), stats, state_, loss

    losses = []
    for i in range(30):
        params, stats, state, loss = step(params, stats, state, jax.random.key(i))
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]
    assert not np.array_equal(stats["norm"]["moving_mean"], variables["batch_stats"]["norm"]["moving_mean"])
    trained = {"params": params, "batch_stats": stats}
    model.set_flax_variables(trained)
    np.testing.assert_allclose(model.predict(X), module.apply(trained, X), rtol=1e-5)


def test_nested_models_nest_and_several_inputs_are_arguments():
    inner = Sequential([Dense(3, input_shape=(4,), name="a"), Dense(2, name="b")], name="inner")
    x, y = Input((4,)), Input((4,))
    model = Model([x, y], [Dense(1, name="top")(concatenate([inner(x), inner(y)])), inner(x)])
    module, variables = model.to_flax()
    assert set(variables["params"]) == {"inner", "top"} and set(variables["params"]["inner"]) == {"a", "b"}
    a, b = RNG.randn(3, 4), RNG.randn(3, 4)
    for got, want in zip(module.apply(variables, a, b), model.predict([a, b]), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_module_init_makes_the_same_tree():
    model = image_model()
    module, variables = model.to_flax()
    fresh = module.init(jax.random.key(0), X)
    assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, variables)


@pytest.mark.parametrize("platform", ["tpu", "cuda"])
def test_the_module_lowers_for_other_platforms(platform):
    module, variables = image_model().to_flax()
    exported = jax.export.export(jax.jit(module.apply), platforms=[platform])(variables, X)
    assert exported.platforms == (platform,)


def test_a_tree_that_does_not_fit_changes_nothing():
    model = image_model()
    _, variables = model.to_flax()
    before = model.get_weights()
    variables["params"]["out"]["kernel"] = np.zeros((3, 3))
    with pytest.raises(ValueError, match="params/out/kernel must have shape"):
        model.set_flax_variables(variables)
    del variables["params"]["out"]
    with pytest.raises(ValueError, match="params/out/kernel is missing"):
        model.set_flax_variables(variables)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
