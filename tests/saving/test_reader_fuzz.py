"""One fuzz target per reader of foreign data: bytes of small seeds, changed at random, are read or refused by name.

The seeds lie in `tests/data/seeds`. A long round by hand:
KJAX_FUZZ_EXAMPLES=100000 python -m pytest tests/saving/test_reader_fuzz.py
and with coverage guidance, where atheris is installed: python -m tests.saving.test_reader_fuzz npz
"""

import pathlib
import sys
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kjax.datasets import fashion_mnist, plain_pickle, word_lists
from kjax.datasets.npz import read_npz
from kjax.preprocessing.text import tokenizer_from_json
from kjax.saving.bounded import parse_json, parse_yaml
from kjax.saving.errors import ModelFileError
from kjax.saving.manifest import check_manifest
from kjax.saving.producer import parse_producer
from kjax.saving.weight_names import parse_weight_name
from kjax.utils.archives import ArchiveError, extract_archive
from tests.saving.test_saving_fuzz import short_round

SEEDS = pathlib.Path(__file__).parents[1] / 'data' / 'seeds'


def whole_file(name, read, error=ModelFileError):
    """A target that reads a file of that name in a folder of its own; its error must name the file."""

    def target(content):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            path.write_bytes(content)
            try:
                read(path)
            except error as found:
                assert name in str(found), found
            left = {p.name for p in path.parent.iterdir()} - {name}
            assert not left or read is archive, left

    return target


def plain(read, error=ModelFileError):
    """A target that reads bytes."""

    def target(content):
        try:
            read(content)
        except error:
            return

    return target


def archive(path):
    extract_archive(path, path.parent / 'out')


def text_of(content):
    return content.decode('latin1')


def manifest(path):
    (path.parent / 'a').write_bytes(b'1')
    try:
        check_manifest(path.parent, 'step_1')
    finally:
        (path.parent / 'a').unlink()


# the target's name is the ending of its seeds
TARGETS = {
    'json': plain(lambda content: parse_json(content, 'text')),
    'yaml': plain(lambda content: parse_yaml(content, 'text')),
    'tokenizer': plain(lambda content: tokenizer_from_json(text_of(content)), ValueError),
    'names': plain(lambda content: [parse_weight_name(text_of(content)), parse_producer(text_of(content))]),
    'pickle': plain(lambda content: plain_pickle.loads(content, 'file', encoding='bytes')),
    'npz': whole_file('a.npz', lambda path: read_npz(path, 'x')),
    'words': whole_file('words.json', word_lists.read_word_index),
    'idx': whole_file('a.gz', fashion_mnist._read_idx),
    'tar': whole_file('a.tar', archive, ArchiveError),
    'zip': whole_file('a.zip', archive, ArchiveError),
    'manifest': whole_file('manifest.json', manifest),
}


def seeds(name):
    return [path.read_bytes() for path in sorted(SEEDS.glob(f'*.{name}'))]


EDIT = st.tuples(st.integers(0, 2**16), st.sampled_from('rrrridcx'), st.binary(min_size=1, max_size=4))


def mutated(content, edits):
    """The content with bytes replaced, inserted, deleted, copied, or cut off."""
    content = bytearray(content)
    for place, how, new in edits:
        place %= len(content) + 1
        if how == 'r':
            content[place : place + len(new)] = new
        elif how == 'i':
            content[place:place] = new * (1 + new[0])
        elif how == 'd':
            del content[place : place + 1 + new[0] % 16]
        elif how == 'c':
            content[place:place] = content[place // 2 : place // 2 + new[0]]
        elif new[0] < 40:
            del content[place:]
    return bytes(content)


@pytest.mark.parametrize('name', TARGETS)
def test_seeds_are_read(name):
    assert seeds(name)
    for content in seeds(name):
        TARGETS[name](content)


@pytest.mark.parametrize('name', TARGETS)
def test_changed_bytes_are_read_or_refused_by_name(name):
    @short_round(80)
    @given(st.sampled_from(seeds(name)), st.lists(EDIT, min_size=1, max_size=6))
    def run(content, edits):
        TARGETS[name](mutated(content, edits))

    run()


def main(name, *options):
    """Coverage-guided, without end."""
    import atheris

    atheris.Setup([sys.argv[0], *options, str(SEEDS)], TARGETS[name])
    atheris.Fuzz()


if __name__ == '__main__':
    main(*sys.argv[1:])
