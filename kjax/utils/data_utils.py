"""Data sources, as in `keras.utils.data_utils`: downloads, sequences of batches, enqueuers."""

from __future__ import annotations

from kjax.utils.archives import extract_archive as _extract_archive
from kjax.utils.downloads import _hash_file, get_file, validate_file
from kjax.utils.enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer
from kjax.utils.sequence import Sequence

__all__ = [
    "GeneratorEnqueuer",
    "OrderedEnqueuer",
    "Sequence",
    "SequenceEnqueuer",
    "_extract_archive",
    "_hash_file",
    "get_file",
    "validate_file",
]
