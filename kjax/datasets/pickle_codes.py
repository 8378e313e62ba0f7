"""The codes of a pickle, looked through before it is read: what data files need, and how much may come of them.

Python's reader makes room for whatever a code says: six bytes about a place in its memory cost gigabytes.
"""

from __future__ import annotations

import pickletools
import re

__all__ = ["check_codes"]

# codes that push one small value each: numbers, None, flags, what was remembered under a number below 256
_PLAIN = re.compile(rb"(?:K.|M..|J.{4}|G.{8}|h.|[N\x88\x89e0])++", re.DOTALL)
_ALLOWED = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 "
    "NONE NEWTRUE NEWFALSE UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8 FLOAT BINFLOAT EMPTY_LIST APPEND APPENDS "
    "LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS POP DUP MARK POP_MARK GET BINGET "
    "LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD PROTO STOP FRAME".split()
)
_CODES = {ord(code.code): code for code in pickletools.opcodes if code.name in _ALLOWED}
_LINES = frozenset(code.code for code in pickletools.opcodes if code.arg is not None and code.arg.n == -1)
# codes whose argument is as long as it says itself: -> the bytes of the length
_COUNTED = {
    code.code: {-2: 1, -3: 4, -4: 4, -5: 8}[code.arg.n]
    for code in pickletools.opcodes
    if code.arg is not None and code.arg.n < -1
}
_FIXED = {code.code: code.arg.n for code in pickletools.opcodes if code.arg is not None and code.arg.n > 0}
# bytes at most that what a code makes takes, beside its argument's own
_COST = {**dict.fromkeys(map(chr, range(256)), 16), **dict.fromkeys("]})tldR\x85\x86\x87\x93c", 72)}
_MAX_DIGITS = 40


def check_codes(data, limit) -> None:
    """Goes through a pickle once.

    Args:
        data: bytes.
        limit: bytes that all objects of it may take.

    Raises:
        ValueError: for codes that no data file has, places that were never filled, or more objects than `limit` allows.
    """
    place, end, puts, cost = 0, len(data), 0, 0
    while place < end:
        run = _PLAIN.match(data, place)
        if run is not None:
            cost += 20 * (run.end() - place)  # a number of 3 bytes takes 28 and a place in a list
            place = run.end()
            if place >= end:
                break
        code = _CODES.get(data[place])
        if code is None:
            raise ValueError(f"code {data[place]:#04x} at byte {place} is none of a data file")
        letter, argument = code.code, place + 1
        place = _behind(data, letter, argument)
        if place > end:
            raise ValueError(f"it ends within the code at byte {argument - 1}")
        cost += _COST[letter] + place - argument
        if letter in "pqr\x94":
            puts += 1
            number = _number(data[argument:place]) if letter == "p" else int.from_bytes(data[argument:place], "little")
            if letter != "\x94" and number > 2 * puts + 256:  # they count up from 0
                raise ValueError(f"it remembers its value {puts} under the number {number}")
        elif letter in "IL":
            _number(data[argument:place])
        elif letter in "\x8a\x8b" and place - argument > 24:
            raise ValueError("an integer of more than 20 bytes")
        if cost > limit:
            raise ValueError(f"its objects would take more than the {limit} bytes that such a file may need")
        if letter == ".":
            return
    raise ValueError("it has no end")


def _behind(data, letter, argument) -> int:
    """The place behind a code's argument."""
    if letter in _FIXED:
        return argument + _FIXED[letter]
    if letter in _LINES:
        for _ in range(2 if letter == "c" else 1):
            found = data.find(b"\n", argument)
            argument = len(data) + 1 if found < 0 else found + 1
        return argument
    if letter in _COUNTED:
        size = _COUNTED[letter]
        return argument + size + int.from_bytes(data[argument : argument + size], "little")
    return argument


def _number(line) -> int:
    """The number of a code that is written as a line of text."""
    text = bytes(line).rstrip(b"L\n")
    if len(text) > _MAX_DIGITS or not text.removeprefix(b"-").isdigit():
        raise ValueError(f"{text[:_MAX_DIGITS]!r} is no number")
    return int(text)
