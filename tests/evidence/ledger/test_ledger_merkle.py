"""The Merkle tree against published vectors and, for any size, against the definition in RFC 6962.

Vectors: the reference tree of Certificate Transparency (leaf inputs, roots, and proofs as published with
github.com/google/certificate-transparency and github.com/transparency-dev/merkle).
"""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from averment.core.errors import VerificationError
from averment.evidence.ledger.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_hash,
    tree_hash,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
_A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
_B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
_C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
_D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
_E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
_F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
_G = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"


def subtree_of(leaves):
    """The perfect subtrees of a list of leaf hashes."""
    return lambda height, index: tree_hash(leaves[index << height : (index + 1) << height])


def defined_root(leaves):
    """MTH as RFC 6962 defines it, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(defined_root(leaves[:middle]), defined_root(leaves[middle:]))


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size):
    """Every prefix of the reference tree has its published root."""
    assert tree_hash([leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "proof"),
    [(0, 1, []), (0, 8, [_A, _B, _C]), (5, 8, [_D, _E, ROOTS[4]]), (2, 3, [ROOTS[2]]), (1, 5, [ROOTS[1], _B, _D])],
)
def test_inclusion_proofs_are_the_published_ones(index, size, proof):
    """Our proofs are the reference's, and verify."""
    leaves = [leaf_hash(leaf) for leaf in LEAVES]
    made = inclusion_proof(subtree_of(leaves), index, size)
    assert [item.hex() for item in made] == proof
    verify_inclusion(leaves[index], index, size, made, bytes.fromhex(ROOTS[size]))


@pytest.mark.parametrize(
    ("old", "new", "proof"), [(1, 1, []), (1, 8, [_A, _B, _C]), (6, 8, [_F, _E, ROOTS[4]]), (2, 5, [_B, _D]), (6, 7, [_F, _G, ROOTS[4]])]
)
def test_consistency_proofs_are_the_published_ones(old, new, proof):
    """Our proofs are the reference's, and verify."""
    made = consistency_proof(subtree_of([leaf_hash(leaf) for leaf in LEAVES]), old, new)
    assert [item.hex() for item in made] == proof
    verify_consistency(old, bytes.fromhex(ROOTS[old]), new, bytes.fromhex(ROOTS[new]), made)


@given(size=st.integers(0, 70), data=st.data())
def test_proofs_hold_for_any_size_and_no_other_leaf(size, data):
    """For any tree: the root follows the definition; every leaf is proven; another leaf, place, root or a bent proof is refused."""
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    root = range_hash(subtree_of(leaves), 0, size)
    assert root == tree_hash(leaves) == defined_root(leaves)
    if not size:
        assert root == EMPTY_ROOT
        return
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(subtree_of(leaves), index, size)
    verify_inclusion(leaves[index], index, size, proof, root)
    wrong = [(leaf_hash(b"another"), index, proof, root), (leaves[index], index, [*proof, root], root), (leaves[index], size, proof, root)]
    wrong.append((leaves[index], index, proof, leaf_hash(b"root")))
    if proof:
        wrong += [(leaves[index], index, proof[:-1], root), (leaves[index], index, [*proof[:-1], leaf_hash(b"x")], root)]
    if size > 1:
        wrong.append((leaves[index], (index + 1) % size, proof, root))
    for leaf, place, hashes, head in wrong:
        with pytest.raises(VerificationError):
            verify_inclusion(leaf, place, size, hashes, head)


@given(new=st.integers(0, 70), data=st.data())
def test_consistency_holds_for_any_two_sizes_and_no_rewritten_log(new, data):
    """For any two sizes: the proof verifies; a rewritten prefix, a bent proof and a roll-back are refused."""
    leaves = [leaf_hash(bytes([number])) for number in range(new)]
    old = data.draw(st.integers(0, new))
    proof = consistency_proof(subtree_of(leaves), old, new)
    old_root, new_root = tree_hash(leaves[:old]), tree_hash(leaves)
    verify_consistency(old, old_root, new, new_root, proof)
    wrong = [(leaf_hash(b"rewritten"), new_root, proof), (old_root, new_root, [*proof, new_root])]
    if old:
        wrong.append((old_root, leaf_hash(b"rewritten"), proof))
    if proof:
        wrong += [(old_root, new_root, proof[:-1]), (old_root, new_root, [leaf_hash(b"x"), *proof[1:]])]
    for first, second, hashes in wrong:
        with pytest.raises(VerificationError):
            verify_consistency(old, first, new, second, hashes)
    with pytest.raises(VerificationError, match="rolled back"):
        verify_consistency(new + 1, old_root, new, new_root, [])
