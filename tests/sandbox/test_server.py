"""The embedded AWS starts, isolates and stops."""

from __future__ import annotations

import inspect
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.exceptions import ClientError

from averment.cli.sandbox import run_sandbox
from averment.sandbox.server import Sandbox


def test_boto3_reaches_it_through_its_own_variables_only(sandbox):
    """A client made without any argument of ours talks to the sandbox, as the sandbox's account, in its region."""
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert boto3.client("s3").meta.endpoint_url == sandbox.endpoint
    assert boto3.client("s3").meta.region_name == "eu-west-1"


def test_reset_forgets_everything(sandbox):
    """Between tests nothing survives."""
    boto3.client("s3").create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    sandbox.reset()
    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_applied_shields_from_the_users_own_aws_settings(sandbox, monkeypatch):
    """A profile, a session token or a per-service endpoint of the user can't send a call elsewhere, and they all come back."""
    theirs = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_S3": "https://s3.example.com",
        "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
        "AWS_DEFAULTS_MODE": "bogus",
    }
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    with sandbox.applied():
        assert not theirs.keys() & os.environ.keys()
        assert boto3.client("s3").list_buckets()["Buckets"] == []
    assert {name: os.environ[name] for name in theirs} == theirs


def test_the_proxy_is_bypassed(sandbox, monkeypatch):
    """Behind a corporate proxy the loopback is still reached directly, and the user's exceptions stay."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    with sandbox.applied():
        assert os.environ["NO_PROXY"] == "internal.example,127.0.0.1"
        assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_one_a_process(sandbox):
    """A second one would share moto's global state, so it is refused."""
    with pytest.raises(RuntimeError, match="one Sandbox a process"):
        Sandbox().start()


def test_what_moto_lacks_is_said_and_not_retried(sandbox):
    """An operation that nobody implements comes back as 501 NotImplemented, once, with its name."""
    with pytest.raises(ClientError) as caught:
        boto3.client("kms").generate_data_key_pair(KeyId="alias/none", KeyPairSpec="RSA_2048")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["ResponseMetadata"]["RetryAttempts"] == 0
    assert "generate_data_key_pair" in response["Error"]["Message"]


_TAKEN = """
import sys
from averment.cli.main import run
sys.exit(run(["sandbox", "run", "--port", sys.argv[1]]))
"""


@pytest.mark.parametrize("header", [{"Origin": "https://shop.example"}, {"Sec-Fetch-Site": "cross-site"}])
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
def test_no_page_that_a_browser_shows_commands_it(sandbox, header, method):
    """moto allows any page's requests, and runbooks' scripts are run in this process: a page could have made a runbook and started it."""
    asked = {"X-Amz-Target": "AmazonSSM.ListDocuments", "Content-Type": "application/x-amz-json-1.1"}
    body = b"{}" if method == "POST" else None
    request = urllib.request.Request(f"{sandbox.endpoint}/", data=body, headers={**asked, **header}, method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value as answer:
        assert answer.code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert b"answers no browsers" in answer.read()


def test_a_taken_port_is_an_error_for_people():
    """No traceback, no hang: the port and what to do, exit 3."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        done = subprocess.run([sys.executable, "-c", _TAKEN, port], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3, done.stderr
    assert f"could not listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_prints_variables_and_stops_on_sigterm():
    """``averment sandbox run`` prints what a shell has to read so that a client works, whatever AWS variables it had, and ends cleanly."""
    theirs = {"AWS_ENDPOINT_URL_S3": "https://s3.invalid", "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z", "AWS_SESSION_TOKEN": "real"}
    process = subprocess.Popen(
        [sys.executable, "-m", "averment", "sandbox", "run"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        printed = os.read(process.stdout.fileno(), 65536).decode()
        assert printed.splitlines()[-1].startswith("export no_proxy="), "all at once: a part of it leads a shell to its own account"
        program = "import boto3, os; print(boto3.client('s3').list_buckets()['Buckets'], os.environ.get('AWS_SESSION_TOKEN'))"
        listed = subprocess.run(
            ["sh", "-c", f'{printed}exec "$0" -c "$1"', sys.executable, program],
            env={**os.environ, **theirs},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert listed.stdout.strip() == "[] None", listed.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "Stopped" in errors


def test_the_example_of_the_help_waits_for_the_variables(tmp_path):
    """After two seconds it read what was there: with a start that took longer, nothing, and what was typed next went to somebody's real account."""
    example = re.search(r"Example: (.*)", inspect.cleandoc(run_sandbox.help), re.DOTALL)[1]
    for name, script in {
        "averment": "n=0; until test -e waited2 || test $((n += 1)) -gt 99999; do :; done; echo 'unset A'; echo 'export AWS_ENDPOINT_URL=here'",
        "sleep": "if test -e waited1; then touch waited2; fi; touch waited1",
        "aws": 'echo "asked $AWS_ENDPOINT_URL"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", example], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "asked here\n", done.stderr


def test_a_start_that_fails_leaves_room_for_another():
    """After a refused port the same process can start a sandbox on another."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        script = (
            "from averment.sandbox.server import Sandbox\nfrom averment.core.errors import IncompleteError\n"
            f"try:\n    Sandbox(port={holder.getsockname()[1]}).start()\nexcept IncompleteError:\n    print('refused')\n"
            "with Sandbox() as s:\n    print('started')\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.split() == ["refused", "started"], done.stderr
