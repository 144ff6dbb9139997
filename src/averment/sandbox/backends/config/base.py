"""What every group of Config's operations here stands on: requests checked against the service model, rules by name, pages."""

from __future__ import annotations

import base64
import json
from typing import Any

from moto.config.exceptions import InvalidNextTokenException, ValidationException
from moto.config.responses import ConfigResponse
from moto.core.exceptions import JsonRESTError
from moto.core.utils import get_service_model

from averment.sandbox.backends.config.errors import refused
from averment.sandbox.backends.config.state import JSON, Rule, State, rule_named, state
from averment.sandbox.backends.config_recorded import Recorder
from averment.sandbox.validation import Violation, message, violations


class ConfigOperations(ConfigResponse):  # type: ignore[misc]
    """moto's Config, every request checked first, whoever answers it."""

    def call_action(self) -> Any:
        """Check the request, let what is under way come to its end, answer."""
        action = self._get_action()
        if action in get_service_model("config").operation_names:
            try:
                self._check(action)
            except JsonRESTError as error:
                return error.code, dict(error.get_headers()), error.get_body()
            self._settle(action)
        return super().call_action()

    def _check(self, action: str) -> None:
        model = get_service_model("config").operation_model(action)
        shape = model.input_shape
        found = [item for item in violations(shape, self._request()) if not _a_newer_type(item)] if shape is not None else []
        limits = [item for item in found if item.path in ("Limit", "limit")]
        if limits and any(error.name == "InvalidLimitException" for error in model.error_shapes):
            raise refused("InvalidLimitException", str(limits[0]))
        if found:
            raise ValidationException(message(found))

    def _settle(self, action: str) -> None:
        """What the service does by itself between two requests; ``packs`` deploys here."""

    def _request(self) -> JSON:
        request: JSON = json.loads(self.body or "{}")
        return request

    def _recorder(self) -> Recorder:
        """Clients of the embedded services under the caller's key."""
        return Recorder(f"http://{self.headers['Host']}", self.get_access_key(), self.region, self.current_account)

    @property
    def _state(self) -> State:
        return state(self.config_backend)

    def _rule(self, name: str) -> Rule:
        return rule_named(self.config_backend, name)

    def _rules(self, names: list[str] | None) -> list[Rule]:
        """The rules ``names``, or all of them, in the order of their names."""
        return [self._rule(name) for name in names or sorted(self.config_backend.config_rules)]

    def _page(self, request: JSON, key: str, items: list[Any], size: int, **more: Any) -> str:
        """One page of ``items`` under ``key``, at most ``size`` of them or as many as the request's limit says (0: the default)."""
        token = "nextToken" if key[0].islower() else "NextToken"  # Config's older operations write their members small
        try:
            start = int(base64.b64decode(request[token], validate=True)) if request.get(token) else 0
        except ValueError as error:
            raise InvalidNextTokenException() from error
        stop = start + (request.get("Limit") or request.get("limit") or size)
        answer: JSON = {**more, key: items[start:stop]}
        if stop < len(items):
            answer[token] = base64.b64encode(str(stop).encode()).decode()
        return json.dumps(answer)


def _a_newer_type(violation: Violation) -> bool:
    """Whether it is about a resource type that the service model doesn't list: its list lags behind the types that Config has."""
    return violation.path.lower().endswith("resourcetype") and "enum value set" in violation.constraint
