"""Configuration items: the resources that are there (and were), one item, its history.

A page of history spans seven days at most and may hold fewer items than its limit, as in the service; BatchGetResourceConfig gives no
tags, as in the service (botocore's model of it), so whoever wants them asks for the history or queries. Of advanced queries the one for the
tags of a type is run. Not covered: retention, and that the service wants a recorder before it answers (NoAvailableConfigurationRecorderException).
"""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import UTC, datetime
from typing import Any

from moto.config.exceptions import InvalidNextTokenException, InvalidResourceParameters, ResourceNotDiscoveredException, TooManyResourceIds
from moto.config.models import RESOURCE_MAP

from averment.sandbox.backends.config.base import ConfigOperations
from averment.sandbox.backends.config.errors import refused
from averment.sandbox.backends.config.recordings import Recording, look, recordings
from averment.sandbox.backends.config.state import JSON
from averment.sandbox.backends.config_items import corrected, with_text_policies
from averment.sandbox.backends.config_recorded import RECORDED

PAGE_SPAN_S = 7 * 24 * 3600
"""How much time one page of a history covers at most."""

_TAGS_QUERY = re.compile(r"SELECT resourceId, tags WHERE resourceType = '(?P<kind>[A-Za-z0-9:]+)'")
_TAGS = frozenset({"BucketTaggingConfiguration", "Tags"})
"""Where the supplementary configuration of an item holds tags."""

_IDENTIFYING = ("resourceType", "resourceId", "resourceName")


class ItemOperations(ConfigOperations):
    """The inventory and its history."""

    def list_discovered_resources(self) -> str:
        request = self._request()
        kind, wanted, name = request["resourceType"], request.get("resourceIds"), request.get("resourceName")
        if wanted and name:
            raise InvalidResourceParameters()
        if wanted and len(wanted) > 20:
            raise TooManyResourceIds()
        found: list[JSON] = []
        for kept in self._look(kind):
            deleted = kept.deleted_at
            newest = kept.items[-1]
            if deleted is not None and not request.get("includeDeletedResources"):
                continue
            if (not wanted or newest["resourceId"] in wanted) and name in (None, newest.get("resourceName")):
                gone = {"resourceDeletionTime": deleted} if deleted is not None else {}
                found.append({**{key: newest[key] for key in _IDENTIFYING if key in newest}, **gone})
        return self._page(request, "resourceIdentifiers", found, 100)

    def get_resource_config_history(self) -> str:
        request = self._request()
        earlier, later = request.get("earlierTime") or 0.0, request.get("laterTime")
        if earlier > (later or time.time()):
            raise refused("InvalidTimeRangeException", "The earlierTime must be before the laterTime.")
        kept = self._look_at(request["resourceType"], request["resourceId"])
        if kept is None:
            raise ResourceNotDiscoveredException(request["resourceType"], request["resourceId"])
        latest = later or time.time()  # after the look, whose items are captured now
        found = [item for item in kept.items if earlier <= item["configurationItemCaptureTime"] <= latest]
        if request.get("chronologicalOrder") != "Forward":
            found.reverse()
        return self._history_page(request, found)

    def batch_get_resource_config(self) -> str:
        keys = [(key["resourceType"], key["resourceId"]) for key in self._request()["resourceKeys"]]
        looked: dict[str, dict[str, Recording]] = {}
        for kind in {kind for kind, _ in keys}:
            looked[kind] = {kept.items[-1]["resourceId"]: kept for kept in self._look(kind)}
        kept_items = (looked[kind].get(name) for kind, name in keys)
        found = [_without_tags(kept.present) for kept in kept_items if kept is not None and kept.present]
        return json.dumps({"baseConfigurationItems": found, "unprocessedResourceKeys": []})

    def select_resource_config(self) -> str:
        backend, request = self.config_backend, self._request()
        if tags := _TAGS_QUERY.fullmatch(request["Expression"]):
            there = [kept.present for kept in self._look(tags["kind"]) if kept.present]
            rows = [json.dumps({"resourceId": item["resourceId"], "tags": _as_queried(item)}) for item in there]
            return self._page(request, "Results", rows, 25, QueryInfo={"SelectFields": [{"Name": "resourceId"}, {"Name": "tags"}]})
        if request["Expression"] not in backend._expression_results and not backend.query_results_queue:
            raise NotImplementedError("advanced queries aren't run here, and no answer was put in for this one")
        return str(super().select_resource_config())

    def list_aggregate_discovered_resources(self) -> str:
        kind = self._request()["ResourceType"]
        if kind not in RESOURCE_MAP:
            raise NotImplementedError(f"aggregators have no items of {kind} here")
        return str(super().list_aggregate_discovered_resources())

    def _history_page(self, request: JSON, found: list[JSON]) -> str:
        try:
            start = int(base64.b64decode(request["nextToken"], validate=True)) if request.get("nextToken") else 0
        except ValueError as error:
            raise InvalidNextTokenException() from error
        page = found[start : start + (request.get("limit") or 10)]
        first = page[0]["configurationItemCaptureTime"] if page else 0.0
        page = [item for item in page if abs(item["configurationItemCaptureTime"] - first) <= PAGE_SPAN_S]
        answer: JSON = {"configurationItems": page}
        if start + len(page) < len(found):
            answer["nextToken"] = base64.b64encode(str(start + len(page)).encode()).decode()
        return json.dumps(answer)

    def _look(self, kind: str) -> list[Recording]:
        """Everything of ``kind`` that is held, after another look, in the order of ids.

        Raises:
            NotImplementedError: nobody makes items of the type. An empty answer would say that there is nothing of the kind.
        """
        if kind in RECORDED:
            found = [corrected(item) for item in RECORDED[kind](self._recorder())]
            look(self.config_backend, kind, found, datetime.now(UTC))
        elif kind in RESOURCE_MAP:
            look(self.config_backend, kind, [corrected(item) for item in self._of_moto(kind)], datetime.now(UTC))
        elif not any(held == kind for held, _ in recordings(self.config_backend)):
            raise NotImplementedError(f"AWS Config has no items of {kind} here")
        held = recordings(self.config_backend)
        return [kept for (held_kind, _), kept in sorted(held.items()) if held_kind == kind]

    def _look_at(self, kind: str, name: str) -> Recording | None:
        """What is held of one resource after another look; None: it was never seen."""
        if kind in RESOURCE_MAP:  # moto finds one without making the items of all
            found = self._one_of_moto(kind, name)
            look(self.config_backend, kind, [corrected(found)] if found else [], datetime.now(UTC), only=name)
        else:
            self._look(kind)
        return recordings(self.config_backend).get((kind, name))

    def _of_moto(self, kind: str) -> list[JSON]:
        """The items of moto's own types, as its API gives them."""
        listed: list[str] = []
        token: str | None = None
        while True:
            page = self.config_backend.list_discovered_resources(kind, None, None, 100, token)
            listed.extend(entry["resourceId"] for entry in page["resourceIdentifiers"])
            token = page.get("nextToken")
            if not token:
                break
        found = (self._one_of_moto(kind, name) for name in listed)
        return [item for item in found if item]

    def _one_of_moto(self, kind: str, name: str) -> JSON | None:
        if kind == "AWS::IAM::Role":
            with_text_policies(self.current_account)
        try:
            answer: Any = self.config_backend.get_resource_config_history(kind, name, self.region)
        except ResourceNotDiscoveredException:
            return None
        found: JSON = answer["configurationItems"][0]
        return found


def _without_tags(item: JSON) -> JSON:
    """``item`` as BatchGetResourceConfig gives it."""
    extra = {key: value for key, value in (item.get("supplementaryConfiguration") or {}).items() if key not in _TAGS}
    return {**{key: value for key, value in item.items() if key != "tags"}, "supplementaryConfiguration": extra}


def _as_queried(item: JSON) -> list[JSON]:
    """The tags of ``item`` as an advanced query gives them."""
    return [{"key": key, "value": value, "tag": f"{key}={value}"} for key, value in sorted((item.get("tags") or {}).items())]
