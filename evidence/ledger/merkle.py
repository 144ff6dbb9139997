"""The Merkle tree of RFC 6962, section 2.1 (unchanged in RFC 9162): hashes, inclusion proofs, consistency proofs.

A tree is seen through a function ``subtree(height, index)`` that gives the hash of the perfect subtree over the
leaves ``[index << height, (index + 1) << height)``; proofs need no more than a logarithmic number of these.
Verifying needs nothing but hashes (RFC 9162, sections 2.1.3.2 and 2.1.4.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from averment.core.errors import VerificationError

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The hash of the tree without leaves."""

Subtree = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """``SHA-256(0x00 || entry)``."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """``SHA-256(0x01 || left || right)``."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """The root over ``hashes`` as leaves (or as equal perfect subtrees), any number of them."""
    if not hashes:
        return EMPTY_ROOT
    level = list(hashes)
    while len(level) > 1:
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) % 2 else paired
    return level[0]


def range_hash(subtree: Subtree, low: int, high: int) -> bytes:
    """``MTH(D[low:high])``, where ``low`` is a multiple of the smallest power of two that is not below ``high - low``."""
    if high - low == 0:
        return EMPTY_ROOT
    parts: list[bytes] = []
    while low < high:
        height = (high - low).bit_length() - 1
        parts.append(subtree(height, low >> height))
        low += 1 << height
    return fold(parts)


def fold(parts: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees of falling size, left to right."""
    root = parts[-1]
    for part in reversed(parts[:-1]):
        root = node_hash(part, root)
    return root


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(subtree: Subtree, index: int, size: int) -> list[bytes]:
    """``PATH(index, D[0:size])`` of RFC 6962, 2.1.1: from the leaf's sibling up to the root's child.

    Raises:
        ValueError: there is no such leaf in a tree of ``size``.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(range_hash(subtree, middle, high))
            high = middle
        else:
            path.append(range_hash(subtree, low, middle))
            low = middle
    return path[::-1]


def consistency_proof(subtree: Subtree, old: int, new: int) -> list[bytes]:
    """``PROOF(old, D[0:new])`` of RFC 6962, 2.1.2; empty when the sizes are equal or ``old`` is 0.

    Raises:
        ValueError: ``old`` is larger than ``new``.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} can't extend one of {old}")
    if old in (0, new):
        return []
    path: list[bytes] = []
    low, high, whole = 0, new, True  # whole: the old tree's root is a node on the way, so that its hash is known already
    while old - low != high - low:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(range_hash(subtree, middle, high))
            high = middle
        else:
            path.append(range_hash(subtree, low, middle))
            low, whole = middle, False
    if not whole:
        path.append(range_hash(subtree, low, high))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash ``leaf`` stands at ``index`` in the tree of ``size`` with ``root`` (RFC 9162, 2.1.3.2).

    Raises:
        VerificationError: it does not, or the proof has the wrong length.
    """
    if not 0 <= index < size:
        raise VerificationError(f"a tree of {size} has no entry {index}")
    position, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise VerificationError(f"the inclusion proof of entry {index} is too long")
        if position & 1 or position == last:
            result = node_hash(sibling, result)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise VerificationError(f"the inclusion proof of entry {index} is too short")
    if result != root:
        raise VerificationError(f"entry {index} is not in the tree of {size} entries: the proof leads to another root")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of ``new`` entries begins with the tree of ``old`` entries (RFC 9162, 2.1.4.2).

    Raises:
        VerificationError: it does not: entries were changed or dropped since, or the log was rolled back.
    """
    if old > new:
        raise VerificationError(f"the log was rolled back: it had {old} entries and has {new}")
    if old in (0, new):
        if proof:
            raise VerificationError("the consistency proof should be empty")
        if old_root != (EMPTY_ROOT if old == 0 else new_root):
            raise VerificationError(f"the log was rewritten: two different trees of {old} entries")
        return
    if not proof:
        raise VerificationError("the consistency proof is empty")
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if _roots_of(old, new, path) != (old_root, new_root):
        raise VerificationError(f"the log was rewritten: the tree of {new} entries does not begin with the earlier one of {old}")


def _roots_of(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a consistency proof leads to (RFC 9162, 2.1.4.2, steps 4 to 6)."""
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_root = new_root = path[0]
    for node in path[1:]:
        if last == 0:
            raise VerificationError("the consistency proof is too long")
        if position & 1 or position == last:
            old_root, new_root = node_hash(node, old_root), node_hash(node, new_root)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_root = node_hash(new_root, node)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise VerificationError("the consistency proof is too short")
    return old_root, new_root
