"""What Config needs before it takes a rule; and moto as it comes, in a process of its own, for the tests that show what it lacks."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

_SERVE = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def recorder(sandbox: Any) -> None:
    """A configuration recorder: Config takes no rule without one."""
    put_recorder(boto3.client("config"))


def put_recorder(config: Any) -> None:
    """The account's configuration recorder, through the client ``config``."""
    account = boto3.client("sts").get_caller_identity()["Account"]
    group = {"allSupported": True, "includeGlobalResourceTypes": True}
    config.put_configuration_recorder(
        ConfigurationRecorder={"name": "default", "roleARN": f"arn:aws:iam::{account}:role/config", "recordingGroup": group}
    )


@pytest.fixture
def make_function(sandbox: Any) -> Callable[..., str]:
    """``make_function("rules")``: a Lambda function that Config may invoke (``principal=None``: may not); its ARN."""

    def make(name: str, source: str = "", principal: str | None = "config.amazonaws.com", **condition: str) -> str:
        role = boto3.client("iam").create_role(
            RoleName=name, Path="/service/", AssumeRolePolicyDocument=json.dumps(_TRUST), Tags=[{"Key": "team", "Value": "sec"}]
        )
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("rules.py", source)
        functions = boto3.client("lambda")
        made = functions.create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=role["Role"]["Arn"],
            Handler="rules.handler",
            Code={"ZipFile": archive.getvalue()},
        )
        if principal:
            functions.add_permission(
                FunctionName=name, StatementId="config", Action="lambda:InvokeFunction", Principal=principal, **condition
            )
        return str(made["FunctionArn"])

    return make


@pytest.fixture(scope="session")
def moto_alone() -> Iterator[Callable[[str], Any]]:
    """``moto_alone("kms")``: a boto3 client of plain moto."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    endpoint = f"http://127.0.0.1:{process.stdout.readline().strip()}"

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            region_name="eu-west-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    try:
        yield client
    finally:
        process.communicate(timeout=20)
