"""The AWS that a step sees: boto3 clients of the execution's role, whose calls are recorded, and which fail where a test wants them to."""

from __future__ import annotations

import builtins
import io
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from averment.sandbox.automation.document import loader

ALLOWED_MODULES = frozenset({"boto3", "botocore"})
"""What a script may import besides the standard library."""

_FAULTS: list[tuple[str, str, Callable[[Mapping[str, Any]], bool], str]] = []


@dataclass(frozen=True)
class Call:
    """One call that a step made: boto3's name of the service, the operation, and what it was given."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


def fail(service: str, operation: str, *, when: Callable[[Mapping[str, Any]], bool] = lambda _: True, code: str = "AccessDenied") -> None:
    """Let the next call of ``operation`` for whose parameters ``when`` holds be refused with ``code``. Once."""
    _FAULTS.append((service, operation, when, code))


def forget() -> None:
    """No faults any more."""
    _FAULTS.clear()


@dataclass
class Access:
    """Clients for one execution. ``credentials`` are those of the role that it acts as, or of who started it; ``refused`` the calls, as
    ``service:operation``, that were made to fail (``fail``)."""

    endpoint: str
    region: str
    credentials: Mapping[str, str]
    calls: list[Call] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str, **_options: Any) -> Any:
        """A client of ``service``; the region and the rest that a script may ask for are the execution's."""
        if service not in self._clients:
            from botocore.config import Config
            from botocore.session import Session

            session = Session()
            session.register_component("data_loader", loader())
            config = Config(retries={"total_max_attempts": 1}, proxies={})
            options: dict[str, Any] = {"region_name": self.region, "endpoint_url": self.endpoint, "config": config, **self.credentials}
            made: Any = session.create_client(service, **options)
            made.meta.events.register("provide-client-params.*", self._recorder(service))
            self._clients[service] = made
        return self._clients[service]

    def _recorder(self, service: str) -> Callable[..., None]:
        from botocore.exceptions import ClientError

        def record(params: Mapping[str, Any], model: Any, **_: Any) -> None:
            self.calls.append(Call(service, model.name, dict(params)))
            for fault in list(_FAULTS):
                if fault[:2] == (service, model.name) and fault[2](params):
                    _FAULTS.remove(fault)
                    self.refused.append(f"{service}:{model.name}")
                    raise ClientError({"Error": {"Code": fault[3], "Message": "refused by the test"}}, model.name)

        return record

    def run_script(self, script: str, handler: str, payload: Any) -> tuple[Any, str]:
        """What ``handler(payload, context)`` of a Python script returns, and what it printed.

        The script sees the standard library and a boto3 whose clients are the execution's. Its ``print`` is its own: ``sys.stdout`` belongs to
        all threads, and what the program says meanwhile would go to the script's log.
        """
        printed = io.StringIO()

        def say(*values: object, file: Any = None, **options: Any) -> None:
            print(*values, file=printed if file is None else file, **options)

        own = {**vars(builtins), "__import__": self._import, "print": say}
        names: dict[str, Any] = {"__name__": "averment_runbook_script", "__builtins__": own}
        exec(compile(script, "<executeScript>", "exec"), names)  # noqa: S102 - the embedded AWS runs its user's own runbooks
        returned = names[handler](json.loads(json.dumps(payload)), {})
        return json.loads(json.dumps(returned)), printed.getvalue()

    def _import(self, name: str, *rest: Any) -> Any:
        top = name.partition(".")[0]
        if name == "boto3":
            return SimpleNamespace(client=self.client)
        if top not in sys.stdlib_module_names and top not in ALLOWED_MODULES:
            raise ModuleNotFoundError(f"No module named '{top}'", name=top)
        return builtins.__import__(name, *rest)
