"""CRC-32C (Castagnoli), the check sum of TensorFlow's files, over many lanes at once."""

from __future__ import annotations

import functools

import numpy as np

__all__ = ["crc32c", "masked", "unmasked"]

_POLYNOMIAL = np.uint32(0x82F63B78)
_DELTA = 0xA282EAD8
_ALL = 0xFFFFFFFF
_LANE = 256  # bytes
_MOST_LANES = 1 << 16
_FEW = 4096  # bytes: shorter pieces go byte by byte


def masked(crc: int) -> int:
    """A check sum as files store it: turned by 15 bits, plus a constant."""
    return (((crc >> 15) | (crc << 17)) + _DELTA) & _ALL


def unmasked(stored: int) -> int:
    """The check sum that is stored as `stored`."""
    turned = (stored - _DELTA) & _ALL
    return ((turned >> 17) | (turned << 15)) & _ALL


def crc32c(data, before: int = 0) -> int:
    """The check sum of `data` behind data whose check sum is `before`.

    Args:
        data: bytes or anything with a buffer.
    """
    left = np.frombuffer(memoryview(data).cast("B"), "uint8") if len(memoryview(data).cast("B")) else np.empty(0, "u1")
    state = before ^ _ALL
    while left.size >= _FEW:
        lanes = min(_MOST_LANES, 1 << (left.size // _LANE).bit_length() - 1)
        state = _in_lanes(state, left[: lanes * _LANE].reshape(lanes, _LANE))
        left = left[lanes * _LANE :]
    table = _tables()[3]
    for byte in left.tobytes():
        state = table[(state ^ byte) & 255] ^ (state >> 8)
    return state ^ _ALL


@functools.cache
def _tables():
    """(low, high, bytewise, its list): what four bytes make of the low and the high half of a state, and one byte."""
    one = np.arange(256, dtype="uint32")
    for _ in range(8):
        one = np.where(one & 1, (one >> 1) ^ _POLYNOMIAL, one >> 1)
    halves = np.arange(65536, dtype="uint32")
    low, high = halves, halves << 16
    for _ in range(4):
        low, high = _step(one, low), _step(one, high)
    return low, high, one, one.tolist()


def _step(table, state):
    return table[state & 255] ^ (state >> 8)


def _in_lanes(state, rows):
    """The state after all rows, one behind the other; each row is a lane of its own until the end."""
    low, high, _, _ = _tables()
    words = np.ascontiguousarray(rows.view("<u4").T)
    lanes = np.zeros(len(rows), "uint32")
    lanes[0] = state
    for word in words:
        lanes ^= word
        lanes = low[(lanes & 0xFFFF).astype(np.intp)] ^ high[(lanes >> 16).astype(np.intp)]
    for shift in _shifts()[: len(rows).bit_length() - 1]:
        left, right = lanes[0::2], lanes[1::2]
        lanes = (
            right ^ shift[0][left & 255] ^ shift[1][left >> 8 & 255] ^ shift[2][left >> 16 & 255] ^ shift[3][left >> 24]
        )
    return int(lanes[0])


@functools.cache
def _shifts():
    """For 1, 2, 4, ... lanes: four tables of what that many zero bytes make of each byte of a state."""
    one = _tables()[2]
    bits = np.uint32(1) << np.arange(32, dtype="uint32")
    for _ in range(_LANE):
        bits = _step(one, bits)
    found = []
    for _ in range(_MOST_LANES.bit_length() - 1):
        found.append(_byte_tables(bits))
        bits = _times(bits, bits)
    return found


def _times(columns, states):
    """The linear map of these columns, on each state."""
    result = np.zeros_like(states)
    for i, column in enumerate(columns):
        result ^= np.where(states >> np.uint32(i) & 1, column, np.uint32(0))
    return result


def _byte_tables(columns):
    byte = np.arange(256, dtype="uint32")
    return [_times(columns[8 * i : 8 * i + 8], byte) for i in range(4)]
