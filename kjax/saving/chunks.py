"""Arrays kept in chunks: what they unpack to is found out before HDF5 unpacks them.

HDF5 makes room for whatever a chunk says it is, and for whatever its gzip stream turns out to be.
"""

from __future__ import annotations

import zlib

import h5py

from kjax.saving.errors import CorruptFileError, UnsafeModelError

__all__ = ["check_chunks", "check_streams"]

MAX_PIECES = 100_000
_FREE = 1 << 20  # bytes: a chunk up to this size needs no large array to belong to
_DEFLATE, _FLETCHER = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
_KNOWN = {_DEFLATE, h5py.h5z.FILTER_SHUFFLE, _FLETCHER}


def _bytes(shape, itemsize) -> int:
    size = int(itemsize)
    for d in shape:
        size *= int(d)
    return size


def _filters(creation) -> list:
    return [creation.get_filter(i)[0] for i in range(creation.get_nfilters())]


def check_chunks(creation, shape, itemsize, where) -> None:
    """Refuses chunks and filters that no model's array has; nothing is read.

    Args:
        creation: the data set's creation property list.
        shape, itemsize: of the array.
    """
    filters = _filters(creation)
    for code in filters:
        if code not in _KNOWN:
            raise UnsafeModelError(where, f"compressed with filter {code}; gzip, shuffle and fletcher32 are read.")
    behind = filters[filters.index(_DEFLATE) + 1 :] if _DEFLATE in filters else []
    if any(code != _FLETCHER for code in behind) or len(filters) > 4:
        raise UnsafeModelError(where, f"the filters {filters}: gzip once, before it shuffle, behind it fletcher32.")
    if creation.get_layout() != h5py.h5d.CHUNKED:
        return
    chunk, whole = creation.get_chunk(), _bytes(shape, itemsize)
    size = _bytes(chunk, itemsize)
    if size > max(_FREE, 4 * whole):
        raise UnsafeModelError(where, f"kept in chunks of {size} bytes, though the whole array has {whole}.")
    pieces = 1
    for d, c in zip(shape, chunk, strict=True):
        pieces *= -(-int(d) // int(c))
    if pieces > MAX_PIECES or pieces * size > max(64 * _FREE, 4 * whole):
        raise UnsafeModelError(where, f"{pieces} chunks of {size} bytes for an array of {whole}.")


def check_streams(dataset, where) -> None:
    """Unpacks every gzip stream of an array up to the size of its chunk and refuses one that goes on."""
    creation = dataset.id.get_create_plist()
    filters = _filters(creation)
    if _DEFLATE not in filters:
        return
    place = filters.index(_DEFLATE)
    limit = _bytes(creation.get_chunk(), dataset.dtype.itemsize) + 4 * len(filters)  # a checksum has 4 bytes
    stored: list = []
    dataset.id.chunk_iter(stored.append)
    for piece in stored:
        if piece.size > 2 * limit + 4096:
            raise CorruptFileError(where, f"a chunk of {piece.size} bytes unpacks to at most {limit}.")
        mask, data = dataset.id.read_direct_chunk(piece.chunk_offset)
        if not mask & (1 << place):
            try:
                data = zlib.decompressobj().decompress(data, limit + 1)
            except zlib.error as error:
                raise CorruptFileError(where, f"cannot be unpacked: {error}.") from None
        if len(data) > limit:
            raise UnsafeModelError(where, f"a chunk unpacks to more than the {limit} bytes that it has.")
