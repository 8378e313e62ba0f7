"""The tables of docs/files-and-safety.md name tests that exist."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]


def test_every_test_that_the_tables_name_exists():
    text = (ROOT / 'docs' / 'files-and-safety.md').read_text(encoding='utf-8')
    named = re.findall(r'`(\w*)::(test_\w+)`', text)
    assert len(named) > 60
    file = 'test_hostile_files'
    for line in text.splitlines():
        cell, file = line.rpartition(' | ')[2], 'test_hostile_files'
        for where, name in re.findall(r'`(\w*)::(test_\w+)`', cell):
            file = where or file
            source = (ROOT / 'tests' / 'saving' / f'{file}.py').read_text(encoding='utf-8')
            assert f'def {name}(' in source, f'{file}::{name}'
    for path in re.findall(r'`(tests/[\w/]+\.py)`', text):
        assert (ROOT / path).exists(), path
