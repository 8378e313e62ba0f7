"""TensorFlow's checkpoints: what genuine TensorFlow 2.15's reader gives for files that it wrote."""

import pathlib
import shutil

import ml_dtypes
import numpy as np
import pytest

from kjax.saving.tf_checkpoint import (
    CheckpointReader,
    MissingTensorError,
    checkpoint_exists,
    latest_checkpoint,
    write_checkpoint,
)
from kjax.saving.tf_checkpoint.crc32c import crc32c, masked, unmasked
from kjax.saving.tf_checkpoint.state_file import read_state, write_state

FOLDER = pathlib.Path(__file__).parents[1] / 'data' / 'tf_checkpoints'
GENUINE = np.load(FOLDER / 'genuine_reader.npz')


def tensors():
    """(checkpoint, name, value) of everything that genuine TensorFlow read."""
    for key in GENUINE:
        checkpoint, name, *more = key.split('|')
        if more and more != ['texts']:
            continue
        value = GENUINE[key]
        if more:
            ends = np.cumsum(GENUINE[f'{checkpoint}|{name}|lengths'])
            texts = [bytes(t) for t in np.split(value, ends[:-1])]
            value = np.array(texts, object).reshape(GENUINE[f'{checkpoint}|{name}|shape'])
        yield checkpoint, name, value.view(ml_dtypes.bfloat16) if name == 'bf' else value


@pytest.mark.parametrize('checkpoint', ['types.ckpt', 'parts.ckpt', 'two.ckpt-7', 'many.ckpt'])
def test_each_tensor_is_what_genuine_tensorflow_reads(checkpoint):
    reader = CheckpointReader(FOLDER / checkpoint)
    shapes = reader.get_variable_to_shape_map()
    expected = {name: value for where, name, value in tensors() if where == checkpoint}
    assert set(expected) <= set(shapes)
    assert len(shapes) == (120 if checkpoint == 'many.ckpt' else len(expected))
    for name, value in expected.items():
        found = reader.get_tensor(name)
        assert shapes[name] == list(value.shape)
        assert isinstance(found, bytes) if value.shape == () and value.dtype == object else found.dtype == value.dtype
        np.testing.assert_array_equal(np.asarray(found, value.dtype), value)


def test_the_types_and_names_are_listed():
    reader = CheckpointReader(FOLDER / 'types.ckpt')
    assert reader.get_variable_to_dtype_map()['half'] == np.float16
    assert reader.get_variable_to_dtype_map()['words'].kind == 'O'
    assert reader.has_tensor('dense/kernel') and not reader.has_tensor('dense')
    assert b'dense/kernel (float32) [3, 4]' in reader.debug_string()
    with pytest.raises(MissingTensorError, match=r"Key other/kernel not found.*among them 'dense/kernel'"):
        reader.get_tensor('other/kernel')
    with pytest.raises(FileNotFoundError, match='Failed to find any matching files'):
        CheckpointReader(FOLDER / 'none.ckpt')


def test_written_checkpoints_are_read_again(tmp_path):
    values = {name: value for where, name, value in tensors() if where == 'types.ckpt'}
    values |= {f'layer_{i}/a/rather/long/name/of/a/kernel': np.full((2, i % 3), i, 'f4') for i in range(300)}
    write_checkpoint(tmp_path / 'w.ckpt', values)
    reader = CheckpointReader(tmp_path / 'w.ckpt')
    assert list(reader.get_variable_to_shape_map()) == sorted(values)
    for name, value in values.items():
        np.testing.assert_array_equal(np.asarray(reader.get_tensor(name), value.dtype), value)
    genuine = (FOLDER / 'types.ckpt.data-00000-of-00001').read_bytes()
    write_checkpoint(tmp_path / 'g.ckpt', {n: v for w, n, v in tensors() if w == 'types.ckpt'})
    assert (tmp_path / 'g.ckpt.data-00000-of-00001').read_bytes() == genuine
    with pytest.raises(TypeError, match='must hold numbers or bytes'):
        write_checkpoint(tmp_path / 'w.ckpt', {'a': np.array(['text'], object)})
    assert CheckpointReader(tmp_path / 'w.ckpt').has_tensor('half'), 'the old files stay'


def test_the_check_sum_is_castagnolis():
    assert crc32c(b'123456789') == 0xE3069283
    assert crc32c(b'') == 0 and crc32c(b'56789', crc32c(b'1234')) == 0xE3069283
    assert unmasked(masked(0x12345678)) == 0x12345678
    data = np.random.RandomState(0).bytes(300_001)
    whole = 0
    for start in range(0, len(data), 1000):  # pieces this short go byte by byte
        whole = crc32c(data[start : start + 1000], whole)
    assert crc32c(data) == whole


def test_the_latest_checkpoint_of_a_folder(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    write_state(tmp_path, tmp_path / 'a "b"-2', [tmp_path / 'a "b"-1', '/elsewhere/c'])
    assert read_state(tmp_path / 'checkpoint') == [
        str(tmp_path / 'a "b"-2'), str(tmp_path / 'a "b"-1'), '/elsewhere/c',
    ]  # fmt: skip
    assert latest_checkpoint(tmp_path) is None, 'it names files that are not there'
    for path in FOLDER.glob('two.ckpt-7.*'):
        shutil.copy(path, tmp_path)
    (tmp_path / 'checkpoint').write_text('model_checkpoint_path: "two.ckpt-\\067"\n')
    assert latest_checkpoint(tmp_path) == str(tmp_path / 'two.ckpt-7')
    assert checkpoint_exists(tmp_path / 'two.ckpt-7')
