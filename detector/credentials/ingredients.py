"""Whose statements in a manifest store count: those of the active manifest, and of ingredients whose own signers are trusted.

A trusted signer vouches for having used an ingredient as it came, not for what that says of itself: whoever made its manifest may be anybody.
What the validator finds of an ingredient today stands in the results as differences from what its user wrote down then, which nobody has to
believe: where it finds another standing of the signer, that is a difference. Whether the ingredient's content was as signed, only its user
could see, for it isn't in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TRUSTED = "signingCredential.trusted"
_UNKNOWN_THEN = frozenset({"signingCredential.untrusted"})
"""What an ingredient's user may have found against it: that they didn't know its signer, whom whoever asks today does."""


def vouched_manifests(store: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels of the manifests in ``store`` whose statements count, the active one first.

    What an ingredient is made of counts if each on the way to it is trusted: an untrusted one can enclose any manifest.
    """
    manifests: Mapping[str, Any] = store.get("manifests") or {}
    results: Mapping[str, Any] = store.get("validation_results") or {}
    deltas = {
        str(delta.get("ingredientAssertionURI")): delta.get("validationDeltas") or {} for delta in results.get("ingredientDeltas") or ()
    }
    counted: dict[str, None] = {}
    pending = [str(store.get("active_manifest", ""))]
    while pending:
        label = pending.pop(0)
        if label in counted or label not in manifests:
            continue
        counted[label] = None
        for uri, ingredient in _ingredients(label, manifests[label]):
            below = ingredient.get("active_manifest")
            if isinstance(below, str) and _is_trusted(below, ingredient, deltas.get(uri) or {}):
                pending.append(below)
    return tuple(counted)


def _ingredients(label: str, manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each ingredient with the address of the assertion that it stands in."""
    for ingredient in manifest.get("ingredients") or ():
        yield f"self#jumbf=/c2pa/{label}/c2pa.assertions/{ingredient.get('label')}", ingredient


def _is_trusted(label: str, ingredient: Mapping[str, Any], delta: Mapping[str, Any]) -> bool:
    """Whether the manifest ``label`` of an ingredient held when it was used, and its signer is trusted today."""
    then: Mapping[str, Any] = (ingredient.get("validation_results") or {}).get("activeManifest") or {}
    held_against = {*_codes(then, "failure"), *(str(entry.get("code")) for entry in ingredient.get("validation_status") or ())}
    if _codes(delta, "failure") or held_against - _UNKNOWN_THEN:
        return False
    signature = f"self#jumbf=/c2pa/{label}/c2pa.signature"
    if _TRUSTED in _codes(delta, "success", signature):
        return True
    return not held_against and _TRUSTED in _codes(then, "success", signature)


def _codes(results: Mapping[str, Any], kind: str, url: str | None = None) -> set[str]:
    return {str(entry.get("code")) for entry in results.get(kind) or () if url is None or entry.get("url") == url}
