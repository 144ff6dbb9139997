"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if find_spec("hypothesis"):  # the environments of Checkov and of training have no property tests
    from hypothesis import settings

    # CI judges a change on the same examples each time; everybody else looks for new ones. Examples found are worth a case of their own.
    settings.register_profile("ci", derandomize=True, deadline=None)
    if os.environ.get("CI"):
        settings.load_profile("ci")

if TYPE_CHECKING:
    from averment.sandbox.server import Sandbox


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What checks remember stays in the session's temporary folder, also for the programs that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVERMENT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _models_of_aws_read_once() -> Iterator[None]:
    """Each test has a boto3 session of its own, and each session would parse megabytes of JSON anew, a fifth of what such tests cost.

    The models of S3 and S3 Control are left out: their clients change what they read (a bucket goes out of the paths, an account out of the
    host), and moto reads the same files.
    """
    if not find_spec("botocore"):
        yield
        return
    from botocore.loaders import JSONFileLoader

    read, known = JSONFileLoader.load_file, dict[str, Any]()

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        if any(f"{os.sep}{name}{os.sep}" in file_path for name in ("s3", "s3control")):
            return read(self, file_path)
        if file_path not in known:
            known[file_path] = read(self, file_path)
        return known[file_path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        yield


@pytest.fixture(scope="session")
def _sandbox_server() -> Iterator[Sandbox]:
    """One embedded AWS for the session (moto's state is global to the process)."""
    from averment.sandbox.server import Sandbox

    with Sandbox() as server:
        yield server


@pytest.fixture
def sandbox(_sandbox_server: Sandbox) -> Iterator[Sandbox]:
    """An empty embedded AWS, with the environment pointing at it: boto3 clients and the AWS CLI just work."""
    _sandbox_server.reset()
    with _sandbox_server.applied():
        yield _sandbox_server
