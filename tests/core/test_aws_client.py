"""Where a client's calls go when the endpoint is an address."""

from __future__ import annotations

from typing import Any

import pytest

from averment.core.aws import client


class _SentError(Exception):
    """Raised instead of sending."""


def sent_to(monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> str:
    """The URL of a call to S3 Control, which puts the account before the host."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    if endpoint is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    found: list[str] = []

    def stop(request: Any, **_: Any) -> None:
        found.append(request.url)
        raise _SentError

    s3control = client("s3control", region="eu-west-1")
    s3control.meta.events.register("before-send", stop)
    with pytest.raises(_SentError):
        s3control.list_access_points_for_object_lambda(AccountId="123456789012", MaxResults=5)
    return found[0]


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("https://aws.example", "https://123456789012.aws.example"),
        (None, "https://123456789012.s3-control.eu-west-1.amazonaws.com"),
    ],
)
def test_no_label_stands_before_an_address(monkeypatch: pytest.MonkeyPatch, endpoint: str | None, host: str):
    """There are no host names below an IP address; below a name, and on AWS itself, the account's host is kept."""
    assert sent_to(monkeypatch, endpoint) == f"{host}/v20180820/accesspointforobjectlambda?maxResults=5"
