"""Lambda: Invoke runs the function (moto needs Docker for that, or answers with the same words to everything).

What runs is a handler that was registered for the function's name, or, of a function from an image whose command is a handler of Averment's, that
handler, in a process of its own under the function's variables and the credentials of its role, as the image would. Functions of
another kind are refused aloud (501), and so is an invocation of type Event: nothing would tell how it ended. Not covered: the
permission to invoke, the image itself, limits of memory and of concurrency.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.awslambda.responses import LambdaResponse
from moto.awslambda.urls import url_paths as _moto_paths

import averment
from averment.sandbox.backends.config.functions import environment_of, forget, registered
from averment.sandbox.backends.config_recorded import Recorder
from averment.sandbox.events import Handler, LambdaContext

__all__ = ["CorrectedLambda", "forget", "url_paths"]

_WORKER = """
import importlib, json, os, sys, time
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the function prints is its log
name, call = sys.argv[1], json.load(sys.stdin)
ends = time.monotonic() + call["seconds"]

class Context:
    function_name, invoked_function_arn, aws_request_id = call["name"], call["arn"], call["request"]
    def get_remaining_time_in_millis(self):
        return int(max(0.0, ends - time.monotonic()) * 1000)

module, _, attribute = name.rpartition(".")
try:
    answer = {"returned": getattr(importlib.import_module(module), attribute)(call["event"], Context())}
except BaseException as error:
    answer = {"raised": [type(error).__name__, str(error)]}
json.dump(answer, out)
"""


class CorrectedLambda(LambdaResponse):  # type: ignore[misc]
    """moto's Lambda whose functions run."""

    def invoke(self) -> Any:
        kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind != "RequestResponse":
            raise NotImplementedError(f"an invocation of type {kind}")
        function = self.backend.get_function(unquote(self.path.rsplit("/", 2)[-2]))
        event = json.loads(self.body or "{}")
        handler = registered(function.function_name)
        answer = _called(handler, event, function) if handler else self._from_image(function, event)
        headers = {"content-type": "application/json"}
        if "raised" not in answer:
            return 200, headers, json.dumps(answer["returned"])
        name, message = answer["raised"]
        return 200, {**headers, "x-amz-function-error": "Unhandled"}, json.dumps({"errorType": name, "errorMessage": message})

    def _from_image(self, function: Any, event: Any) -> dict[str, Any]:
        command = [*function.image_config.cmd, ""][0]
        if function.package_type != "Image" or not command.startswith("averment."):
            raise NotImplementedError(f"the code of the function {function.function_name}")
        recorder = Recorder(f"http://{self.headers['Host']}", self.get_access_key(), self.region, self.current_account)
        source = str(Path(averment.__file__).parents[1])
        call = {
            "name": function.function_name,
            "arn": function.function_arn,
            "request": str(uuid.uuid4()),
            "seconds": int(function.timeout),
            "event": event,
        }
        try:
            done = subprocess.run(
                [sys.executable, "-c", _WORKER, command],
                input=json.dumps(call),
                env={**environment_of(function, recorder), "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])},
                capture_output=True,
                text=True,
                timeout=int(function.timeout),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"raised": ["Sandbox.Timedout", f"Task timed out after {function.timeout} seconds"]}
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {"raised": ["Runtime.ExitError", f"the function's process ended with {done.returncode}: {done.stderr[-500:]}"]}
        return answer


def _called(handler: Handler, event: Any, function: Any) -> dict[str, Any]:
    try:
        return {"returned": handler(event, LambdaContext(function.function_name, function.function_arn))}
    except Exception as error:  # noqa: BLE001 - as Lambda does with whatever a function raises
        return {"raised": [type(error).__name__, str(error)]}


url_paths = dict.fromkeys(_moto_paths, CorrectedLambda.dispatch)
