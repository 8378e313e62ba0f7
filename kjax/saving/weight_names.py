"""Names of weights in files, taken apart."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["WeightName", "parse_weight_name"]

# the ends of Keras 1's names: 'lstm_1_W_i' belongs to 'lstm_1'
_KERAS1 = re.compile(
    r"^(?P<owner>.*?)_?(?P<short>[WUb]_carry|[WUb]_[icfozrh]|W|U|b|gamma|beta|running_mean|running_std|depthwise_kernel|pointwise_kernel"
    r"|[ta]_left|[ta]_right|alphas?|betas?)$"
)
_NUMBER = re.compile(r"_\d+$")


class WeightName(NamedTuple):
    """What a weight's name in a file says.

    Attributes:
        full: the name.
        scopes: the names it stands under, outermost first.
        short: 'kernel', 'W_i', ...
    """

    full: str
    scopes: tuple
    short: str


def parse_weight_name(full) -> WeightName:
    """Scopes and short name: ('a', 'dense_1'), 'kernel' of 'a/dense_1/kernel_2:0'; ('dense_1',), 'W' of 'dense_1_W'."""
    stem = full.rpartition(":")[0] if re.search(r":\d+$", full) else full
    *scopes, last = stem.split("/")
    if scopes:
        return WeightName(full, tuple(scopes), _NUMBER.sub("", last))
    match = _KERAS1.match(last) or _KERAS1.match(_NUMBER.sub("", last))
    if match:
        return WeightName(full, (match["owner"],) if match["owner"] else (), match["short"])
    return WeightName(full, (), _NUMBER.sub("", last))
