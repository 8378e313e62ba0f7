"""Names, paths and texts in a file: looked up in tables, never opened, bounded (attacks 9 to 14, 24 and 37)."""

import os
import sys

import numpy as np
import pytest

import kjax
from kjax.saving import UnsafeModelError
from tests.saving.hostile import DENSE, REFUSED, bounded, lambda_layer, refuses, sequential, write

# ---------------------------------------------------------------- names (9 to 11, 37)


NAMES = [
    'system',
    'eval',
    'Popen',
    'load_model',
    'get_file',
    'enable_unsafe_deserialization',
    'os.system',
    '__class__',
    '__import__',
    '..',
    '',
    'from_config',
    'x' * 1_000_000,
    'kjax.layers.Dense',
    'Layer.__init__',
    'builtins>eval',
]


@pytest.mark.parametrize('name', NAMES, ids=lambda n: n[:30] or 'empty')
def test_names_are_looked_up_in_tables_only(tmp_path, name):
    before = set(sys.modules)
    message = refuses(
        write(tmp_path / 'a.h5', sequential(DENSE, {'class_name': name, 'module': 'os', 'config': {'name': 'x'}}))
    )
    assert len(message) < 2000
    assert not {'subprocess_evil', 'antigravity'} & (set(sys.modules) - before)


@pytest.mark.parametrize('name', [None, 1, ['Dense'], {'a': 1}, True])
def test_a_class_name_must_be_a_text(tmp_path, name):
    refuses(write(tmp_path / 'a.h5', sequential(DENSE, {'class_name': name, 'config': {'name': 'x'}})))


@pytest.mark.parametrize(
    'slot', ['activation', 'kernel_initializer', 'kernel_regularizer', 'kernel_constraint', 'activity_regularizer']
)
@pytest.mark.parametrize(
    'name', ['load_model', 'get_file', 'eval', 'Dense', '__doc__', 'deserialize', 'get', 'os', 'K', 'np']
)
def test_a_slot_offers_only_what_is_fit_for_it(tmp_path, slot, name):
    layer = {'class_name': 'Dense', 'config': {**DENSE['config'], slot: name}}
    refuses(write(tmp_path / 'a.h5', sequential(layer)))
    layer = {'class_name': 'Dense', 'config': {**DENSE['config'], slot: {'class_name': name, 'config': {}}}}
    refuses(write(tmp_path / 'a.h5', sequential(layer)))


def test_an_unsafe_switch_in_the_file_changes_nothing(tmp_path, marker):
    switch = {
        'class_name': 'function',
        'module': 'keras.config',
        'config': 'enable_unsafe_deserialization',
        'name': 'x',
    }
    refuses(write(tmp_path / 'a.h5', sequential(switch, DENSE, lambda_layer(marker))))
    model = kjax.models.load_model(write(tmp_path / 'b.h5', sequential(DENSE, lambda_layer(marker))), compile=False)
    with pytest.raises(ValueError, match='never run'):
        model.predict(np.ones((2, 3), 'f4'))


def test_the_callers_own_class_of_a_built_in_name_wins_and_is_logged(tmp_path, caplog):
    class Dense(kjax.layers.Dense):
        pass

    with caplog.at_level('INFO', logger='kjax.saving'):
        model = kjax.models.load_model(
            write(tmp_path / 'a.h5', sequential(DENSE)), custom_objects={'Dense': Dense}, compile=False
        )
    assert type(model.layers[0]) is Dense
    assert "the caller's own Dense is used" in caplog.text


# ---------------------------------------------------------------- paths and texts (13, 14, 24)


@pytest.mark.parametrize('key', ['weights', 'vocabulary', 'filepath'])
@pytest.mark.parametrize('value', ['/etc/hostname', 'http://127.0.0.1:9/x', 'file:///etc/hostname'])
def test_a_path_in_a_config_is_never_opened(tmp_path, key, value, monkeypatch):
    opened = []
    path = write(tmp_path / 'a.h5', sequential({'class_name': 'Dense', 'config': {**DENSE['config'], key: value}}))
    real = os.open
    monkeypatch.setattr(os, 'open', lambda name, *a, **k: (opened.append(str(name)), real(name, *a, **k))[1])
    refuses(path)
    assert value not in opened


@pytest.mark.parametrize(
    'tag',
    [
        '!!python/object/apply:os.system ["true"]',
        '!!python/name:os.system',
        '!!python/module:os',
        '!!python/object:os.x {}',
    ],
)
def test_yaml_holds_plain_data_only(tag):
    with bounded(), pytest.raises(UnsafeModelError, match='only plain data'):
        kjax.models.model_from_yaml(f'class_name: Sequential\nconfig: {tag}\n')


def test_yaml_aliases_cannot_multiply():
    lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    lines += [f'a{i}: &a{i} [' + ', '.join([f'*a{i - 1}'] * 10) + ']' for i in range(1, 12)]
    with bounded(), pytest.raises(UnsafeModelError, match='items'):
        kjax.models.model_from_yaml('\n'.join(lines))


TEXTS = {
    'deep': '[' * 5000 + ']' * 5000,
    'deep objects': '{"a":' * 5000 + '1' + '}' * 5000,
    'repeated keys': '{"class_name": "Sequential", "class_name": "Model", "config": {}}',
    'NaN': '{"class_name": "Sequential", "config": NaN}',
    'Infinity': '{"class_name": "Sequential", "config": -Infinity}',
    'huge integer': '{"class_name": "Sequential", "config": ' + '1' * 400 + '}',
    'huge float': '{"class_name": "Sequential", "config": 1e999}',
    'not JSON': 'model',
    'empty': '',
    'a number': '7',
    'a list': '[]',
    'null': 'null',
}


@pytest.mark.parametrize('text', list(TEXTS.values()), ids=list(TEXTS))
def test_texts_are_bounded(tmp_path, text):
    refuses(write(tmp_path / 'a.h5', None, text=text.encode()))
    with bounded(), pytest.raises(REFUSED):
        kjax.models.model_from_json(text)


def test_invalid_utf8_is_an_error(tmp_path):
    refuses(write(tmp_path / 'a.h5', None, text=np.bytes_(b'{"class_name": "\xff\xfe"}')), 'not UTF-8')


def test_a_text_of_200_MB_is_an_error():
    text = '{"class_name": "' + 'x' * 200_000_000 + '"}'
    with bounded(), pytest.raises(UnsafeModelError, match='at most'):
        kjax.models.model_from_json(text)


def test_a_name_with_nul_is_an_error(tmp_path):
    refuses(
        write(tmp_path / 'a.h5', sequential({'class_name': 'Dense', 'config': {**DENSE['config'], 'name': 'a\0b'}})),
        'name',
    )
