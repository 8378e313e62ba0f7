"""`python -m kjax inspect` and `convert`."""

import io
import json
import os
import subprocess
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest

import kjax
from kjax.cli.files import main
from kjax.saving.checkpoint_store import CheckpointStore, Step
from kjax.saving.variables import save_variables
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


def test_converted_variables_train_in_a_flax_program_of_ones_own(tmp_path):
    """Plain linen modules of the layers' names, an Optax loop, and the genuine losses."""

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.tanh(nn.Dense(6, name='dense_1')(x))
            return nn.Dense(2, name='dense_2')(x)

    model = kjax.models.Sequential(
        [
            kjax.layers.Dense(6, activation='tanh', input_shape=(4,), name='dense_1'),
            kjax.layers.Dense(2, name='dense_2'),
        ]
    )
    model.compile(kjax.optimizers.SGD(0.1), 'mse')
    model.save(tmp_path / 'old.h5')
    assert main(['convert', str(tmp_path / 'old.h5'), str(tmp_path / 'new')]) == 0
    variables = ocp.StandardCheckpointer().restore(tmp_path / 'new' / 'variables')
    x, y = np.random.rand(8, 4).astype('f4'), np.random.rand(8, 2).astype('f4')
    rule = optax.sgd(0.1)
    state = rule.init(variables['params'])

    @jax.jit
    def step(params, state):
        loss, grads = jax.value_and_grad(lambda p: jnp.mean((Net().apply({'params': p}, x) - y) ** 2))(params)
        updates, state = rule.update(grads, state)
        return optax.apply_updates(params, updates), state, loss

    params = variables['params']
    for _ in range(3):
        params, state, loss = step(params, state)
        np.testing.assert_allclose(loss, model.train_on_batch(x, y), rtol=1e-5)


def test_nobody_reads_the_output():
    """As with other tools of a pipe: no message, and the status of a program ended by SIGPIPE."""
    command = [sys.executable, '-m', 'kjax', 'inspect', '--quick', str(FOLDER / '2.2.4-tensorflow-wide_a.h5')]
    done = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    done.stdout.close()
    assert done.wait(120) == 141 and done.stderr.read() == b''
    done.stderr.close()


@pytest.mark.skipif(not hasattr(os, 'geteuid'), reason='POSIX permissions')
def test_a_file_that_may_not_be_read(tmp_path, capsys):
    path = write(tmp_path / 'a.h5', sequential(DENSE))
    path.chmod(0)
    superuser = os.geteuid() == 0
    if superuser:
        os.seteuid(65534)
    try:
        assert main(['inspect', str(path)]) == 1
        with pytest.raises(PermissionError):
            kjax.models.load_model(path)
    finally:
        if superuser:
            os.seteuid(0)
    assert capsys.readouterr().err == f'kjax: {path}: Permission denied\n'


def test_a_folder_that_is_not_there(tmp_path, capsys):
    old = str(FOLDER / '2.2.4-tensorflow-mlp_a.h5')
    assert main(['convert', old, str(tmp_path / 'none' / 'new.h5')]) == 1
    err = capsys.readouterr().err
    assert err.startswith('kjax: no such file: ') and str(tmp_path / 'none') in err and '.part' not in err
    assert main(['inspect', str(tmp_path)]) == 1
    assert 'a regular file was required, or a folder of checkpoints' in capsys.readouterr().err


def test_ctrl_c_ends_without_a_traceback(capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr('kjax.cli.files.describe_file', interrupted)
    assert main(['inspect', 'a.h5']) == 130
    assert capsys.readouterr() == ('', '')


def test_errors_are_json_too(capsys):
    assert main(['inspect', '--json', '/nobody/there.h5']) == 1
    assert json.loads(capsys.readouterr().out) == {'error': 'no such file: /nobody/there.h5'}


def test_inspect_checks_folders_of_checkpoints(tmp_path, capsys):
    store = CheckpointStore(tmp_path / 'run')
    for epochs in (1, 2):
        store.write(Step(epochs), {'params': {'k': np.arange(3.0)}}, {})
    assert main(['inspect', str(tmp_path / 'run')]) == 0
    assert capsys.readouterr().out.count('whole') == 2
    damaged = tmp_path / 'run' / 'step_2' / 'training.json'
    damaged.write_text('{ }')
    assert main(['inspect', '--json', str(tmp_path / 'run')]) == 1
    found = json.loads(capsys.readouterr().out)['checkpoints']
    assert found == {'step_1': None, 'step_2': f'{damaged}: changed since it was written.'}
    model = kjax.models.Sequential([kjax.layers.Dense(2, input_shape=(3,))])
    save_variables(model, tmp_path / 'flax')
    assert main(['inspect', str(tmp_path / 'flax')]) == 0 and 'whole' in capsys.readouterr().out
    (tmp_path / 'flax' / 'more').write_text('')
    assert main(['inspect', str(tmp_path / 'flax')]) == 1 and "['more'] are not in" in capsys.readouterr().out


def test_nothing_in_a_file_reaches_the_terminal_unescaped(tmp_path, capsys):
    """Escape sequences, line ends and signs that turn the writing round, in every name that is shown."""
    name = 'd\x1b[2J\nkjax: all is well\r\u202e\x9b'
    dense = {'class_name': 'Dense', 'config': {**DENSE['config'], 'name': name}}
    arrays = {'k\x1b]0;x\x07/kernel:0': np.ones((3, 2), 'f4'), 'b\n/bias:0': np.zeros(2, 'f4')}
    training = {'optimizer_config': {'class_name': f'O{name}', 'config': {}}, 'loss': name, 'metrics': [name]}

    def edit(f):
        del f.attrs['keras_version']
        f.attrs['keras_version'] = name.encode()

    files = {
        'config': write(tmp_path / 'a.h5', sequential(dense), training=training),
        'weights': write(tmp_path / 'b.h5', sequential(DENSE), {name: arrays}, training),
        'model': write(tmp_path / 'c.h5', {**sequential(DENSE), 'class_name': f'S{name}'}),
        'version': write(tmp_path / 'd.h5', sequential(DENSE), edit=edit),
        'a missing group': write(
            tmp_path / 'e.h5',
            sequential(DENSE),
            {name: {}},
            edit=lambda f: f.move(f'model_weights/{name}', 'elsewhere'),
        ),
    }
    for path in files.values():
        for words in (['inspect'], ['convert', '--force']):
            more = [str(tmp_path / 'new.h5')] if words[0] == 'convert' else []
            main([*words, str(path), *more])
            for text in capsys.readouterr():
                assert all(line.isprintable() for line in text.split('\n')), text
                assert 'kjax: all' not in text.replace('\\nkjax: all', '')
