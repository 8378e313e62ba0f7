"""The tables of docs/files-and-safety.md name tests that exist."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]


def test_every_test_that_the_tables_name_exists():
    text = (ROOT / 'docs' / 'files-and-safety.md').read_text(encoding='utf-8')
    named = re.findall(r'`(\w*)::(test_\w+)`', text)
    assert len(named) > 60
    for line in text.splitlines():
        file = None  # that of the test before, in the same cell
        for where, name in re.findall(r'`(\w*)::(test_\w+)`', line.rpartition(' | ')[2]):
            file = where or file
            assert file is not None, f'which file is ::{name} in?'
            source = (ROOT / 'tests' / 'saving' / f'{file}.py').read_text(encoding='utf-8')
            assert f'def {name}(' in source, f'{file}::{name}'
    for path in re.findall(r'`(tests/[\w/]+\.py)`', text):
        assert (ROOT / path).exists(), path


def test_each_file_of_hostile_tests_shows_something_in_the_tables():
    text = (ROOT / 'docs' / 'files-and-safety.md').read_text(encoding='utf-8')
    for path in (ROOT / 'tests' / 'saving').glob('test_hostile_*.py'):
        assert f'{path.stem}::' in text, f'{path.name} shows nothing that the tables name'
