"""Tags of conformance packs; those of rules, aggregators and authorizations are moto's."""

from __future__ import annotations

import json

from moto.config.models import validate_tags

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.errors import refused


class TagOperations(ConfigOperations):
    """TagResource, UntagResource, ListTagsForResource."""

    def tag_resource(self) -> str:
        request = self._request()
        held = self._pack_tags(request["ResourceArn"])
        if held is None:
            return str(super().tag_resource())
        merged = {**held, **validate_tags(request["Tags"])}
        if len(merged) > 50:
            raise refused("TooManyTagsException", "A resource can have at most 50 tags.")
        held.update(merged)
        return ""

    def untag_resource(self) -> str:
        request = self._request()
        held = self._pack_tags(request["ResourceArn"])
        if held is None:
            return str(super().untag_resource())
        for key in request["TagKeys"]:
            held.pop(key, None)
        return ""

    def list_tags_for_resource(self) -> str:
        request = self._request()
        held = self._pack_tags(request["ResourceArn"])
        if held is None:
            return str(super().list_tags_for_resource())
        return json.dumps({"Tags": [{"Key": key, "Value": value} for key, value in sorted(held.items())]})

    def _pack_tags(self, arn: str) -> dict[str, str] | None:
        """The tags of the conformance pack ``arn``; None: it isn't one of this account's packs."""
        found: dict[str, str] | None = next((pack.tags for pack in self._state.packs.values() if pack.arn == arn), None)
        return found
