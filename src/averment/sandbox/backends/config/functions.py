"""What answers for a Lambda function: a handler registered in this process, or the function's own code in a process of its own.

moto keeps the archive of a function and runs none of it. Here the archive is unpacked and its handler called in a fresh Python, under
the role of the function, with nothing to import but the archive itself, the standard library and boto3: what the Lambda runtime
has. Not covered: other runtimes than Python's, layers, the function's own Python version, its limits of time and memory.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from averment.sandbox.backends.config_recorded import Recorder
from averment.sandbox.events import FunctionError, Handler

_handlers: dict[str, Handler] = {}

_WORKER = """
import importlib, json, os, sys
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the function prints is its log
folder, name = sys.argv[1], sys.argv[2]
allowed = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"}
site = [entry for entry in sys.path if entry.rstrip("/").endswith(("site-packages", "dist-packages"))]
sys.path[:] = [folder] + [entry for entry in sys.path if entry and entry not in site] + site

class OnlyTheRuntimes:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in allowed | set(sys.stdlib_module_names) | set(sys.modules):
            return None  # the last: parts of a package that the function itself made, as of rules of one's own
        if any(os.path.exists(os.path.join(folder, name.partition(".")[0] + end)) for end in ("", ".py")):
            return None
        raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, OnlyTheRuntimes())

class Context:
    def __init__(self, values):
        self.__dict__.update(values)
    def get_remaining_time_in_millis(self):
        return 60000

module, _, attribute = name.rpartition(".")
for line in sys.stdin:
    call = json.loads(line)
    try:
        handler = getattr(importlib.import_module(module), attribute)
        handler(call["event"], Context(call["context"]))
        answer = None
    except BaseException as error:
        answer = [type(error).__name__, str(error)]
    out.write(json.dumps(answer) + "\\n")
    out.flush()
"""


def register(name: str, handler: Handler) -> None:
    """Let ``handler`` answer for the function ``name``, in whatever account and region, until ``forget``."""
    _handlers[name] = handler


def registered(name: str) -> Handler | None:
    """The handler that was registered for the function ``name``."""
    return _handlers.get(name)


def forget() -> None:
    """Forget every registered handler."""
    _handlers.clear()


@contextmanager
def handler_of(arn: str, recorder: Recorder) -> Iterator[Handler | None]:
    """What runs the function ``arn`` for the length of the block; None: it is gone, or isn't Python in an archive.

    ``recorder`` makes the client with which Lambda takes on the function's role.
    """
    known = registered(arn.partition(":function:")[2].partition(":")[0])
    if known is not None:
        yield known
        return
    function = _function(arn)
    if function is None or not str(function.run_time).startswith("python") or not function.code_bytes:
        yield None
        return
    with _process(function, recorder) as handler:
        yield handler


def _function(arn: str) -> Any:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.utils import get_backend

    parts = arn.split(":")
    try:
        return get_backend(parts[4], parts[3]).get_function(arn)
    except UnknownFunctionException:
        return None


@contextmanager
def _process(function: Any, recorder: Recorder) -> Iterator[Handler]:
    """The function's code, waiting for events in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="averment-function-") as folder:
        with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as archive:
            archive.extractall(folder)
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, folder, function.handler],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=environment_of(function, recorder),
        )

        def handler(event: dict[str, Any], context: Any) -> None:
            assert process.stdin is not None  # noqa: S101 - both are pipes
            assert process.stdout is not None  # noqa: S101
            try:
                process.stdin.write(json.dumps({"event": event, "context": vars(context)}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                raise FunctionError("Runtime.ExitError", f"the function's process ended with {process.wait()}")
            answer = json.loads(line)
            if answer is not None:
                raise FunctionError(*answer)

        try:
            yield handler
        finally:
            process.communicate(timeout=60)


def environment_of(function: Any, recorder: Recorder) -> Mapping[str, str]:
    """What ``function`` runs under: its own variables and its role's credentials; nothing of this process but where programs and certificates are."""
    session = recorder.client("sts").assume_role(RoleArn=function.role, RoleSessionName=function.function_name)["Credentials"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "NO_PROXY", "no_proxy") if name in os.environ}
    return {
        **kept,
        **{str(name): str(value) for name, value in function.environment_vars.items()},
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
        "AWS_ENDPOINT_URL": recorder.endpoint,
        "AWS_REGION": recorder.region,
        "AWS_DEFAULT_REGION": recorder.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
        "_HANDLER": function.handler or "",  # of an image there is none
    }
