"""``Sandbox``: AWS in this process, on a loopback port.

moto keeps its state in module globals, so there is one ``Sandbox`` a process at a time, and it starts and ends empty.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from averment.core.errors import IncompleteError
from averment.core.extras import require

if TYPE_CHECKING:
    from averment.sandbox.automation.execution import Execution
    from averment.sandbox.backends.sagemaker_answering import Invoke
    from averment.sandbox.events import Handler

ACCOUNT = "123456789012"
"""The account that requests belong to when their access key isn't one that moto's IAM handed out."""

REGION = "eu-west-1"

UNSET = r"unset AWS_PROFILE $(env | sed -n 's/^\(AWS_[A-Za-z0-9_]*\)=.*/\1/p')"
"""What forgets the AWS variables of a shell, whatever they are: one of them could send a call to the real AWS, or spoil one to the sandbox.
``AWS_PROFILE`` is named since zsh wants a name."""

_NO_BROWSERS = b"The embedded AWS answers no browsers: any page could command it, and it runs code.\n"

_log = logging.getLogger("averment.sandbox")
_running = threading.Lock()


class Sandbox:
    """The embedded AWS, as a context manager.

    ``managed_policies`` gives IAM the policies that AWS manages, as every account has them (0.7 s when IAM is first used).
    ``port`` 0 takes a free one. ``host`` stays on the loopback unless a caller insists: the sandbox asks nobody for a password.
    """

    def __init__(self, *, port: int = 0, host: str = "127.0.0.1", region: str = REGION, managed_policies: bool = False) -> None:
        self._host, self._port, self.region = host, port, region
        self._managed_policies = managed_policies
        self._server: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Bind the port and serve from a thread; returns when the sandbox answers.

        Raises:
            MissingExtraError: moto's server isn't installed.
            IncompleteError: the port is taken.
            RuntimeError: a sandbox runs in this process already.
        """
        require("moto.server", extra="sandbox", needed_for="the embedded AWS")
        from moto.core.config import default_user_config

        from averment.sandbox.backends import application, reset

        if not _running.acquire(blocking=False):
            raise RuntimeError("there is one Sandbox a process: moto's state is global")
        self._stack.callback(_running.release)
        logging.getLogger("moto").addHandler(logging.NullHandler())  # or its warnings go to stderr through logging's last resort
        default_user_config["iam"] = {"load_aws_managed_policies": self._managed_policies}
        try:
            self._server = _bind(self._host, self._port, application())
            self._stack.callback(self._server.server_close)
            reset()
            self._stack.callback(reset)
            thread = threading.Thread(
                target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="averment-sandbox", daemon=True
            )
            thread.start()
            self._stack.callback(thread.join)
            self._stack.callback(self._server.shutdown)
        except BaseException:
            self._stack.close()
            raise

    def stop(self) -> None:
        """Stop serving, free the port and forget everything. Harmless when it isn't running."""
        self._stack.close()
        self._server = None

    @property
    def endpoint(self) -> str:
        """``http://127.0.0.1:<port>``.

        Raises:
            RuntimeError: it isn't running.
        """
        if self._server is None:
            raise RuntimeError("the sandbox isn't running")
        return f"http://{self._host}:{self._server.server_port}"

    def reset(self) -> None:
        """Forget every bucket, key, rule and assessment, and what was registered to answer model endpoints."""
        from averment.sandbox.backends import reset

        reset()

    def answer_endpoints_with(self, invoke: Invoke | None) -> None:
        """Let ``invoke(body, content_type) -> bytes`` answer SageMaker's InvokeEndpoint; None: the embedded detector again."""
        from averment.sandbox.backends.sagemaker_runtime import register

        register(invoke)

    def answer_endpoints_at(self, url: str, *, seconds: float = 60.0) -> None:
        """Let the container at ``url`` answer SageMaker's endpoints, by POST ``url/invocations``; real-time calls wait ``seconds`` for it."""
        from averment.sandbox.backends.sagemaker_runtime import register_container

        register_container(url, seconds)

    def settle(self) -> None:
        """Wait until what was invoked asynchronously is done."""
        from averment.sandbox.backends.sagemaker_async import settle

        settle()

    def automation(self, identifier: str) -> Execution:
        """The execution of a runbook that the API calls ``identifier``: to wait for, and to ask what it called."""
        from averment.sandbox.backends.ssm_automation import executions

        return executions[identifier]

    def run_function_with(self, name: str, handler: Handler) -> None:
        """Let ``handler(event, context)`` be the code of the Lambda function ``name``, for Config rules that name it and for who invokes it."""
        from averment.sandbox.backends.config.functions import register

        register(name, handler)

    def environment(self) -> dict[str, str]:
        """The variables under which boto3 and the AWS CLI talk to this sandbox and to nothing else."""
        bypass = [entry for entry in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",") if entry]
        if self._host not in bypass:
            bypass.append(self._host)
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIASANDBOXSANDBOX00",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PAGER": "",
            "NO_PROXY": ",".join(bypass),
            "no_proxy": ",".join(bypass),
        }

    @contextmanager
    def applied(self) -> Iterator[Self]:
        """Run the block with ``environment()`` in ``os.environ``; what stood there before comes back afterwards."""
        before = dict(os.environ)
        for name in [name for name in os.environ if name.startswith("AWS_")]:  # a profile, an endpoint, the hour at which their keys end
            del os.environ[name]
        os.environ.update(self.environment())
        _forget_default_session()
        try:
            yield self
        finally:
            _restore(before)
            _forget_default_session()


def _bind(host: str, port: int, app: Any) -> Any:
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import ThreadedWSGIServer

    class Server(ThreadedWSGIServer):
        """Werkzeug's threaded server; failures go to our log, not to the terminal."""

        daemon_threads = True

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
            _log.log(logging.WARNING if type == "error" else logging.DEBUG, message.rstrip(), *args)

    class Handler(MotoRequestHandler):  # type: ignore[misc]
        """moto's handler without a line a request."""

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
            _log.log(logging.WARNING if type == "error" else logging.DEBUG, message.rstrip(), *args)

    try:
        return Server(host, port, _for_programs_alone(app), handler=Handler)
    except (OSError, SystemExit) as error:  # werkzeug turns a taken port into SystemExit
        raise IncompleteError(f"could not listen on {host}:{port}: {error}", fix="choose another --port, or 0 for a free one") from error


def _for_programs_alone(app: Any) -> Any:
    """``app`` for everybody but browsers. It asks nobody for a password, runs the scripts of runbooks, and moto lets any page read its answers: a page
    that somebody looks at meanwhile could have its own code run on this machine. Browsers say in these headers whose page asks; SDKs don't have them."""

    def answer(environ: Mapping[str, Any], start_response: Any) -> Any:
        if "HTTP_ORIGIN" in environ or "HTTP_SEC_FETCH_SITE" in environ:
            start_response("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", str(len(_NO_BROWSERS)))])
            return [_NO_BROWSERS]
        return app(environ, start_response)

    return answer


def _restore(before: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


def _forget_default_session() -> None:
    """boto3 keeps credentials and region in a default session: a stale one would outlive the change of the environment."""
    boto3: Any = sys.modules.get("boto3")
    if boto3 is not None:
        boto3.DEFAULT_SESSION = None
