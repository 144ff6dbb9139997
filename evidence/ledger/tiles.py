"""The tiled layout of a log (C2SP tlog-tiles): names, entry bundles, and a reader that verifies each tile.

How a tile is trusted, without reading the whole log:
  1. The checkpoint gives size and root.
  2. The partial tiles on the right edge, one per level at most, are read; together they fold to the root, or are refused.
  3. A full tile is read; its root must be the hash that stands for it in the tile above, which was verified before.
  4. The entries of a bundle must have the leaf hashes of their level-0 tile.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from averment.core.errors import VerificationError
from averment.core.source import SourceRef
from averment.evidence.ledger.merkle import EMPTY_ROOT, HASH_SIZE, fold, leaf_hash, node_hash, tree_hash
from averment.evidence.stores.interface import RESTORE, NotStoredError, Store

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_ENTRY_BYTES = 0xFFFF
"""Entries of a bundle are prefixed with their length as uint16."""

_TORN = f"{RESTORE}; if this is one, something was added while it was made: make it anew"
"""A checkpoint that was copied after the tiles is of more than these: the ledger itself has them."""

_CACHED_TILES = 512
_CACHED_BUNDLES = 4
_CACHED_PYRAMIDS = 64


def index_path(index: int) -> str:
    """``1234067`` as ``x001/x234/067``."""
    parts = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03d}")
    return "/".join(reversed(parts))


def tile_name(level: int, index: int, width: int = WIDTH) -> str:
    """The name of a tile of hashes; with ``.p/<width>`` if it is partial."""
    return f"tile/{level}/{index_path(index)}" + (f".p/{width}" if width < WIDTH else "")


def bundle_name(index: int, width: int = WIDTH) -> str:
    """The name of a bundle of entries."""
    return f"tile/entries/{index_path(index)}" + (f".p/{width}" if width < WIDTH else "")


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each after its length as big-endian uint16.

    Raises:
        ValueError: an entry is longer than 65,535 bytes.
    """
    if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError("an entry is longer than a bundle can hold")
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def decode_bundle(data: bytes) -> list[bytes]:
    """The inverse of ``encode_bundle``.

    Raises:
        ValueError: the bytes end in the middle of an entry.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        if len(data) < at + 2 or len(entry) != length:
            raise ValueError("the bundle ends in the middle of an entry")
        entries.append(entry)
        at += 2 + length
    return entries


class TileReader:
    """The tree of ``size`` entries with ``root``, read from ``store``; what it returns has been verified against ``root``."""

    def __init__(self, store: Store, size: int, root: bytes) -> None:
        self.store = store
        self.size = size
        self.root = root
        self._tiles: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()
        self._pyramids: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()
        self._edge: dict[int, list[bytes]] | None = None
        self._parts: dict[int, list[bytes]] = {}

    def grown(
        self, size: int, root: bytes, edge: Mapping[int, list[bytes]], parts: Mapping[int, list[bytes]], last: Sequence[bytes]
    ) -> TileReader:
        """This tree with more entries, of which what was computed doesn't have to be read and verified again: the hashes of the partial
        tiles by level, the ``parts`` that they fall into, and the entries of the last bundle."""
        tree = TileReader(self.store, size, root)
        tree._edge, tree._parts = dict(edge), dict(parts)
        if last:
            tree._bundles[(size - 1) // WIDTH] = list(last)
        return tree

    def width(self, level: int, index: int) -> int:
        """How many hashes the tile holds in this tree: 256, or fewer on the right edge."""
        return min(WIDTH, max(0, (self.size >> (HEIGHT * level)) - index * WIDTH))

    def edge(self, level: int) -> list[bytes]:
        """The hashes of the partial tile on the right edge of ``level`` (empty if there is none), verified with its fellows.

        Raises:
            VerificationError: the edge does not lead to the checkpoint's root.
        """
        if self._edge is None:
            self._edge = self._verified_edge()
        return self._edge.get(level, [])

    def parts(self, level: int) -> list[bytes]:
        """The roots of the perfect subtrees that the partial tile of ``level`` falls into, largest first.

        Raises:
            VerificationError: as ``edge``.
        """
        if level not in self._parts:
            self._parts[level] = perfect_parts(self.edge(level))
        return self._parts[level]

    def tile(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile, full or partial.

        Raises:
            VerificationError: it isn't the tile that the checkpoint commits to.
        """
        width = self.width(level, index)
        if width < WIDTH:
            return self.edge(level)
        cached = self._tiles.get((level, index))
        if cached is None:
            cached = self._load(level, index, WIDTH)
            if tree_hash(cached) != self.tile(level + 1, index // WIDTH)[index % WIDTH]:
                raise self._changed(tile_name(level, index))
            self._tiles[level, index] = cached
            if len(self._tiles) > _CACHED_TILES:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end((level, index))
        return cached

    def subtree(self, height: int, index: int) -> bytes:
        """The hash of the perfect subtree over the leaves ``[index << height, (index + 1) << height)``."""
        level, inner = divmod(height, HEIGHT)
        first = index << inner
        place = level, first // WIDTH
        pyramid = self._pyramids.get(place)
        if pyramid is None:
            pyramid = self._pyramids[place] = perfect_levels(self.tile(*place))
            if len(self._pyramids) > _CACHED_PYRAMIDS:
                self._pyramids.popitem(last=False)
        else:
            self._pyramids.move_to_end(place)
        return pyramid[inner][first % WIDTH >> inner]

    def bundle(self, index: int) -> list[bytes]:
        """The entries ``[256 * index, 256 * (index + 1))``, as far as the tree goes.

        Raises:
            VerificationError: the entries are not those that the checkpoint commits to.
        """
        cached = self._bundles.get(index)
        if cached is None:
            width = self.width(0, index)
            name = bundle_name(index, width)
            try:
                cached = decode_bundle(self._fetch(name, bundle_name(index)))[:width]
            except ValueError as error:
                raise self._changed(name) from error
            if [leaf_hash(entry) for entry in cached] != self.tile(0, index):
                raise self._changed(name)
            self._bundles[index] = cached
            if len(self._bundles) > _CACHED_BUNDLES:
                self._bundles.popitem(last=False)
        return cached

    def _verified_edge(self) -> dict[int, list[bytes]]:
        edge: dict[int, list[bytes]] = {}
        for level in range((max(self.size, 1).bit_length() - 1) // HEIGHT, -1, -1):
            count = self.size >> (HEIGHT * level)
            if count % WIDTH:
                edge[level] = self._load(level, count // WIDTH, count % WIDTH)
        parts = [part for hashes in edge.values() for part in perfect_parts(hashes)]
        if (fold(parts) if parts else EMPTY_ROOT) != self.root:
            names = ", ".join(tile_name(level, (self.size >> (HEIGHT * level)) // WIDTH, len(hashes)) for level, hashes in edge.items())
            raise VerificationError(
                f"the tiles do not lead to the checkpoint's root; one of these was changed: {names}",
                where=SourceRef(file=self.store.location),
                fix=RESTORE,
            )
        return edge

    def _load(self, level: int, index: int, width: int) -> list[bytes]:
        name = tile_name(level, index, width)
        data = self._fetch(name, tile_name(level, index))[: width * HASH_SIZE]
        if len(data) != width * HASH_SIZE:
            raise self._changed(name)
        return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]

    def _fetch(self, name: str, full: str) -> bytes:
        """The bytes under ``name``; a partial tile may have given way to the full one, which begins with the same."""
        missing: NotStoredError | None = None
        for candidate in (name, full):
            try:
                return self.store.get(candidate).data
            except NotStoredError as error:
                missing = error
        raise VerificationError(
            f"{name} is missing, although the checkpoint covers it", where=SourceRef(file=self.store.location), fix=_TORN
        ) from missing

    def _changed(self, name: str) -> VerificationError:
        what = f"{name} was changed: it is not what the checkpoint commits to"
        return VerificationError(what, where=SourceRef(file=self.store.location), fix=RESTORE)


def perfect_levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """The roots of all perfect subtrees of a tile, by height from 0: ``[height][index]``. What a partial tile doesn't fill is absent."""
    levels = [list(hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return levels


def perfect_parts(hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the perfect subtrees that ``hashes`` fall into, largest first."""
    parts: list[bytes] = []
    at = 0
    while at < len(hashes):
        step = 1 << ((len(hashes) - at).bit_length() - 1)
        parts.append(tree_hash(hashes[at : at + step]))
        at += step
    return parts


@dataclass(frozen=True)
class Growth:
    """How a tree grows: what it becomes, the files to write by name, and the folders of partial tiles that are superseded."""

    tree: TileReader
    files: Mapping[str, bytes]
    superseded: tuple[str, ...]


def grow(tree: TileReader, entries: Sequence[bytes]) -> Growth:
    """Add ``entries`` to the verified ``tree``; the same tree and entries give the same files.

    Of the tree only the right edge is looked at: its last bundle, and on each level the partial tile. Levels that gain no tile are
    taken over as they are.
    """
    files: dict[str, bytes] = {}
    superseded: list[str] = []
    first, held = divmod(tree.size, WIDTH)
    pending = (tree.bundle(first) if held else []) + list(entries)
    for at in range(0, len(pending), WIDTH):
        part = pending[at : at + WIDTH]
        files[bundle_name(first + at // WIDTH, len(part))] = encode_bundle(part)
        if len(part) == WIDTH:
            superseded.append(bundle_name(first + at // WIDTH) + ".p/")
    added = [leaf_hash(entry) for entry in entries]
    edge: dict[int, list[bytes]] = {}
    parts: dict[int, list[bytes]] = {}
    while added or tree.size >> (HEIGHT * len(edge)):
        level = len(edge)
        first = (tree.size >> (HEIGHT * level)) // WIDTH
        hashes = tree.edge(level) + added
        complete: list[bytes] = []
        for at in range(0, len(hashes) if added else 0, WIDTH):
            part = hashes[at : at + WIDTH]
            name = tile_name(level, first + at // WIDTH, len(part))
            files[name] = b"".join(part)
            if len(part) == WIDTH:
                complete.append(tree_hash(part))
                superseded.append(name + ".p/")
        edge[level] = hashes[len(complete) * WIDTH :]
        parts[level] = perfect_parts(edge[level]) if added else tree.parts(level)
        added = complete
    all_parts = [part for level in reversed(parts) for part in parts[level]]
    root = fold(all_parts) if all_parts else EMPTY_ROOT
    last = pending[(len(pending) - 1) // WIDTH * WIDTH :]
    return Growth(tree.grown(tree.size + len(entries), root, edge, parts, last), files, tuple(superseded))
