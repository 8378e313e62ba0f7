"""`python -m kjax inspect` and `convert`."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest

import kjax
from kjax.saving.cli import main
from tests.saving.genuine import FOLDER, Genuine
from tests.saving.hostile import DENSE, lambda_layer, sequential, write


def test_inspect_tells_what_a_file_holds(capsys):
    assert main(['inspect', str(FOLDER / '1.0.8-theano-cnn_th_a.h5')]) == 0
    out, err = capsys.readouterr()
    assert err == ''
    for text in (
        'Keras 1.0.8, backend theano',
        'Sequential',
        'Adam with 17 arrays of state',
        'yes, compiled',
        'Convolution2D is read as Conv2D',
        'convolution2d_1_W 4x2x3x3',
    ):
        assert text in out


def test_inspect_speaks_json(capsys):
    assert main(['inspect', '--json', str(FOLDER / '2.2.4-tensorflow-two_io_a.h5')]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found['holds'] == 'model' and found['producer'].startswith('Keras 2.2.4') and found['loading']['compiled']
    assert found['parameters'] == sum(int(np.prod(w['shape'])) for layer in found['layers'] for w in layer['weights'])


def test_inspect_names_what_the_user_has_to_pass(capsys):
    assert main(['inspect', str(FOLDER / '1.2.2-tensorflow-custom_a.h5')]) == 0
    out = capsys.readouterr().out
    assert 'Scale: pass by custom_objects' in out and 'loads        no' in out


def test_inspect_runs_no_code(tmp_path, capsys):
    path = write(tmp_path / 'a.h5', sequential(DENSE, lambda_layer(tmp_path / 'marker')))
    assert main(['inspect', str(path)]) == 0
    assert 'is code, which is never run' in capsys.readouterr().out
    assert not (tmp_path / 'marker').exists()


def test_convert_writes_todays_layout(tmp_path, capsys):
    genuine = Genuine('1.2.2-theano-td_conv_a')
    assert main(['convert', str(genuine.path), str(tmp_path / 'new.h5')]) == 0
    model = kjax.models.load_model(tmp_path / 'new.h5')
    np.testing.assert_allclose(genuine.predict(model)[0], genuine.outputs[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(genuine.train(model), genuine.losses, rtol=genuine.tolerance())
    assert 'one array per gate is joined' in capsys.readouterr().out


def test_convert_writes_flax_variables(tmp_path, capsys):
    import orbax.checkpoint as ocp

    genuine = Genuine('2.2.4-tensorflow-cnn_a')
    assert main(['convert', '--json', str(genuine.path), str(tmp_path / 'new')]) == 0
    assert json.loads(capsys.readouterr().out)['format'] == 'orbax'
    variables = ocp.StandardCheckpointer().restore(tmp_path / 'new' / 'variables')
    model = kjax.models.model_from_json((tmp_path / 'new' / 'architecture.json').read_text())
    module, _ = model.to_flax()
    np.testing.assert_allclose(module.apply(variables, genuine.inputs[0]), genuine.outputs[0], rtol=1e-4, atol=1e-5)


def test_weights_alone_need_an_architecture(tmp_path, capsys):
    genuine = Genuine('1.0.8-theano-weights_a')
    assert main(['convert', str(genuine.path), str(tmp_path / 'new.h5')]) == 1
    assert '--architecture model.json' in capsys.readouterr().err
    (tmp_path / 'model.json').write_text(str(genuine.record['json']))
    assert (
        main(['convert', str(genuine.path), str(tmp_path / 'new.h5'), '--architecture', str(tmp_path / 'model.json')])
        == 0
    )
    with pytest.warns(UserWarning, match='No training configuration'):
        model = kjax.models.load_model(tmp_path / 'new.h5')
    np.testing.assert_allclose(genuine.predict(model)[0], genuine.outputs[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'arguments, status, text',
    [
        (['inspect', '/nobody/there.h5'], 1, 'no such file: /nobody/there.h5'),
        (['inspect', __file__], 1, 'an HDF5 file was required'),
        (['inspect'], 2, 'required'),
        (['convert', 'a'], 2, 'required'),
        (['explode', 'a'], 2, 'invalid choice'),
        (['convert', str(FOLDER / '2.2.4-tensorflow-mlp_a.h5'), 'new.xyz'], 1, '--to h5 or --to orbax'),
        (
            ['convert', str(FOLDER / '2.2.4-tensorflow-mlp_a.h5'), str(FOLDER / '2.2.4-tensorflow-mlp_a.h5')],
            1,
            'same file',
        ),
    ],
)
def test_errors_go_to_standard_error_with_a_status(capsys, arguments, status, text):
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert text in err and out == '' and 'Traceback' not in err


def test_a_file_that_exists_is_kept_without_force(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('sys.stdin', io.StringIO())
    (tmp_path / 'new.h5').write_text('mine')
    old = str(FOLDER / '2.2.4-tensorflow-mlp_a.h5')
    assert main(['convert', old, str(tmp_path / 'new.h5')]) == 1
    assert (tmp_path / 'new.h5').read_text() == 'mine' and '--force' in capsys.readouterr().err
    assert main(['convert', '--force', old, str(tmp_path / 'new.h5')]) == 0


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, '-m', 'kjax', 'inspect', '--quick', '--json', str(FOLDER / '2.2.4-tensorflow-mlp_a.h5')],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and json.loads(done.stdout)['holds'] == 'model', done.stderr
