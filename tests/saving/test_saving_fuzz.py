"""Random configs, texts and files: an error of the documented kinds or a model within its bound, in bounded time.

A long round by hand: KJAX_FUZZ_EXAMPLES=100000 python -m pytest tests/saving/test_saving_fuzz.py
"""

import copy
import json
import os

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kjax
from kjax.saving import ModelFileError
from kjax.saving.bounded import parse_json, parse_yaml
from kjax.saving.gate import MAX_BYTES
from tests.saving.genuine import NAMES, Genuine
from tests.saving.hostile import DENSE, bounded, sequential, write

pytestmark = pytest.mark.filterwarnings('ignore::UserWarning')
EXAMPLES = int(os.environ.get('KJAX_FUZZ_EXAMPLES', 0))
ERRORS = (ModelFileError, ValueError, TypeError, NotImplementedError)


def short_round(count):
    quiet = [
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ]
    return settings(
        max_examples=EXAMPLES or count,
        deadline=None,
        derandomize=not EXAMPLES,
        database=None,
        suppress_health_check=quiet,
    )


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.sampled_from([2**31, 2**40, -1, 10**30]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ['relu', 'same', 'channels_first', 'd', 'Dense', 'zeros', '__class__', '../x', '/etc/passwd', 'Lambda']
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda x: st.one_of(st.lists(x, max_size=4), st.dictionaries(st.text(max_size=6), x, max_size=4)),
    max_leaves=8,
)


def places(value, path=()):
    """Every place in plain data."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def changed(value, path, how, new):
    """A copy with one place replaced, deleted, doubled or renamed."""
    value = copy.deepcopy(value)
    if not path:
        return new
    place = value
    for key in path[:-1]:
        place = place[key]
    if how == 'delete':
        del place[path[-1]]
    elif how == 'double' and isinstance(place, list):
        place.append(place[path[-1]])
    elif how == 'rename' and isinstance(place, dict):
        place[str(new)[:20]] = place.pop(path[-1])
    else:
        place[path[-1]] = new
    return value


def configs():
    found = []
    for name in NAMES:
        genuine = Genuine(name)
        if genuine.meta['mode'] == 'model' and not genuine.meta['unsafe'] and 'wide' not in name:
            with h5py.File(genuine.path, 'r') as f:
                found.append(json.loads(f.attrs['model_config']))
    return found


CONFIGS = configs()


@short_round(60)
@given(st.data())
def test_a_config_with_random_changes_is_refused_or_built_within_bounds(data):
    config = data.draw(st.sampled_from(CONFIGS))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(config))))
        config = changed(
            config, path, data.draw(st.sampled_from(['replace', 'delete', 'double', 'rename'])), data.draw(VALUES)
        )
    with bounded(seconds=20):
        try:
            model = kjax.models.model_from_config(config)
        except ERRORS:
            return
    assert not model.built or 4 * model.count_params() <= MAX_BYTES


@short_round(200)
@given(VALUES)
def test_any_plain_data_are_refused_or_built(value):
    for config in (value, {'class_name': 'Sequential', 'config': value}, {'class_name': 'Model', 'config': value}):
        with pytest.raises(ERRORS) if not isinstance(config, dict) else bounded(seconds=20):
            try:
                kjax.models.model_from_config(config)
            except ERRORS:
                if not isinstance(config, dict):
                    raise


@short_round(300)
@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200), st.text('[]{}":,0123456789.eE-"\\ntrufalsn', max_size=200)
    )
)
def test_any_text_is_parsed_or_refused(text):
    for parse in (parse_json, parse_yaml):
        try:
            value = parse(text, 'text')
        except ModelFileError:
            continue
        json.dumps(value, default=str)


@short_round(12)
@given(data=st.data())
def test_a_file_with_random_bytes_is_refused_or_loaded(tmp_path, data):
    """In a child process: nothing that the bytes do to the library reaches this one."""
    content = bytearray(Genuine('2.2.4-tensorflow-mlp_a').path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path / 'fuzz.h5'
    path.write_bytes(content)
    load_or_refuse(path, isolate=5)


def load_or_refuse(path, **kwargs):
    """Loads a file, or its error is of the files' own kind, names the file and tells the reason in words."""
    try:
        with bounded(seconds=20):
            kjax.models.load_model(path, **kwargs)
    except ModelFileError as error:
        assert str(path) in error.where and error.reason, error
        assert not any(raw in str(error) for raw in (' object at 0x', '<class ', 'Traceback')), error


@short_round(40)
@given(data=st.data())
def test_a_file_with_a_changed_config_is_refused_by_name_or_loaded(tmp_path, data):
    """In this process: the file itself is whole, but what its texts say is not."""
    config = data.draw(st.sampled_from(CONFIGS))
    training = {'optimizer_config': {'class_name': 'Adam', 'config': {'lr': 0.1}}, 'loss': 'mse', 'metrics': ['acc']}
    for _ in range(data.draw(st.integers(1, 2))):
        which = data.draw(st.booleans())
        value = config if which else training
        path = data.draw(st.sampled_from(list(places(value))))
        how = data.draw(st.sampled_from(['replace', 'delete', 'double', 'rename']))
        value = changed(value, path, how, data.draw(VALUES))
        config, training = (value, training) if which else (config, value)
    load_or_refuse(write(tmp_path / 'fuzz.h5', config, training=training))


def names_of(text):
    return st.lists(
        st.one_of(
            st.sampled_from(text),
            st.text(st.characters(exclude_characters='\0', exclude_categories=['Cs']), max_size=6),
        ),
        max_size=4,
    )


@short_round(60)
@given(data=st.data())
def test_a_file_with_other_objects_than_it_says_is_refused_by_name_or_loaded(tmp_path, data):
    """Attributes and arrays of all kinds where others should be."""
    kinds = st.sampled_from(
        ['layer_names', 'weight_names', 'keras_version', 'backend', 'model_config', 'kernel', 'bias']
    )
    values = st.one_of(
        st.sampled_from(
            [np.inf, 7, -1, b'', b'\xff', 'Keras', '2.2.4', np.zeros(3), np.ones((2, 2), 'i8'), h5py.Empty('f4')]
        ),
        names_of(['d', 'd/kernel:0', 'd/bias:0', '/', '.', '..']).map(lambda v: np.array(v, dtype=h5py.string_dtype())),
        st.floats().map(np.float64),
    )
    kind, value = data.draw(kinds), data.draw(values)

    def edit(f):
        if kind in ('kernel', 'bias'):
            del f[f'model_weights/d/d/{kind}:0']
            f['model_weights/d/d'].create_dataset(f'{kind}:0', data=value)
        else:
            group = {'layer_names': 'model_weights', 'weight_names': 'model_weights/d'}.get(kind, '/')
            if kind in f[group].attrs:
                del f[group].attrs[kind]
            f[group].attrs[kind] = value

    load_or_refuse(write(tmp_path / 'fuzz.h5', sequential(DENSE), edit=edit))
