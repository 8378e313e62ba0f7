"""Files of genuine Keras 1.0 to 2.15 predict and train on as they did there."""

import numpy as np
import pytest

import kjax
from tests.saving.genuine import NAMES, Genuine

LAMBDAS = [n for n in NAMES if 'lambdas' in n]


@pytest.mark.parametrize('name', [n for n in NAMES if n not in LAMBDAS])
def test_predicts_and_trains_on_as_the_genuine_version(name):
    genuine = Genuine(name)
    model = genuine.load()
    for got, wanted in zip(genuine.predict(model), genuine.outputs, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    if genuine.losses is not None:
        np.testing.assert_allclose(genuine.train(model), genuine.losses, rtol=genuine.tolerance(), atol=1e-7)


@pytest.mark.parametrize('name', LAMBDAS)
def test_a_pickled_lambda_loads_as_a_placeholder_that_says_what_to_pass(name):
    genuine = Genuine(name)
    model = genuine.load()
    layer = next(layer for layer in model.layers if type(layer).__name__ == 'Lambda')
    with pytest.raises(ValueError, match=f"custom_objects={{'{layer.name}': function"):
        genuine.predict(model)


@pytest.mark.parametrize('name', LAMBDAS)
def test_with_its_lambda_given_by_the_layers_name_a_model_is_the_genuine_one(name):
    genuine = Genuine(name)
    layers = [layer.name for layer in genuine.load().layers if type(layer).__name__ == 'Lambda']
    function = (lambda x: 2.0 * x) if name.endswith('_c') else (lambda x: x**2 + 1.0)
    genuine.custom_objects.update(dict.fromkeys([n for n in layers if n in ('lambda', 'lambda_1')], function))
    model = genuine.load()
    for got, wanted in zip(genuine.predict(model), genuine.outputs, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(genuine.train(model), genuine.losses, rtol=genuine.tolerance(), atol=1e-7)


@pytest.mark.parametrize(
    'name', ['2.2.4-tensorflow-two_io_a', '1.2.2-tensorflow-lstm_cpu_a', '2.15.1-tensorflow-bidir_a']
)
@pytest.mark.parametrize('form', ['path', 'str', 'bytes', 'file', 'h5py', 'isolated'])
def test_every_kind_of_source_reads_the_same(name, form, tmp_path):
    genuine = Genuine(name)
    if form == 'h5py':
        import h5py

        with h5py.File(genuine.path, 'r') as f:
            model = kjax.models.load_model(f)
            assert f.id.valid
    elif form == 'file':
        with open(genuine.path, 'rb') as f:
            model = kjax.models.load_model(f)
    else:
        source = {
            'path': genuine.path,
            'str': str(genuine.path),
            'bytes': genuine.path.read_bytes(),
            'isolated': genuine.path,
        }
        model = kjax.models.load_model(source[form], isolate=form == 'isolated')
    for got, wanted in zip(genuine.predict(model), genuine.outputs, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_every_conversion_is_logged_in_one_line(caplog):
    with caplog.at_level('INFO', logger='kjax.saving'):
        Genuine('1.0.8-theano-cnn_th_a').load()
    text = caplog.text
    assert 'written by Keras 1.0.8, backend theano' in text
    assert 'Convolution2D is read as Conv2D' in text
    assert 'kernel of Theano is turned round' in text


def test_loading_draws_no_random_numbers_for_weights():
    genuine = Genuine('2.2.4-tensorflow-mlp_a')
    model = kjax.models.load_model(genuine.path)
    assert all(w.initialized for w in model.weights)
