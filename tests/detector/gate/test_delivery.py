"""Takedown: forbidden, withdrawn, refused at the edge, dropped from caches, and asked for as a viewer would."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from averment.cli.main import run
from averment.cli.review import _ways_to_look
from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate import delivery
from averment.detector.gate.case import CaseState
from averment.detector.gate.delivery import (
    admit_at_edge,
    origin_response_source,
    refuse_at_edge,
    take_down,
    takedown_name,
    viewer_request_source,
)
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.reviews import Reviews

ADA = "trust/Ada Byron"


class Edge:
    """A server on the loopback that answers as an edge location: what the published bucket has, or what it still has cached."""

    def __init__(self, site: Any) -> None:
        self.cached: dict[str, int] = {}
        edge = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                key = self.path.lstrip("/")
                status = edge.cached.get(key) or (200 if site.published(key) is not None else 403)
                self.send_response(status)
                self.send_header("X-Cache", "Hit from cloudfront" if key in edge.cached else "Error from cloudfront")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def edge(site: Any) -> Iterator[Edge]:
    made = Edge(site)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def reviews(site: Any, double: Any) -> Reviews:
    made = Reviews(site.gate(double))
    made.gate.handle(site.upload("a.jpg", b"\xff\xd8\xffclean"))
    return made


def distribution() -> str:
    config = {
        "CallerReference": "x",
        "Comment": "",
        "Enabled": True,
        "Origins": {
            "Quantity": 1,
            "Items": [{"Id": "o", "DomainName": "shop-media.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}],
        },
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
    }
    return str(boto3.client("cloudfront").create_distribution(DistributionConfig=config)["Distribution"]["Id"])


def test_a_takedown_ends_with_the_proof_that_viewers_get_nothing(site: Any, reviews: Reviews, edge: Edge) -> None:
    """Served before; afterwards refused, with the invalidation's id and what the address answered on record."""
    address, where = f"{edge.address}/a.jpg", distribution()
    done = take_down(reviews, "a.jpg", by=ADA, reason="ticket 512", distribution=where, addresses=[address])
    assert done.still_served == ()
    assert [answer.status for answer in done.answers] == [403]
    paths = boto3.client("cloudfront").get_invalidation(DistributionId=where, Id=done.invalidation)["Invalidation"]["InvalidationBatch"][
        "Paths"
    ]
    assert paths["Items"] == ["/a.jpg*"]
    [line] = [line for line in site.logged() if line["event"] == "takedown"]
    assert (line["invalidation"], line["answers"][0]["status"]) == (done.invalidation, 403)
    assert line["by"].startswith("trust/p-")


def test_what_an_edge_still_has_cached_is_said(reviews: Reviews, edge: Edge) -> None:
    """A copy that outlives the takedown is a finding with its cache header, not a success."""
    edge.cached["a.jpg"] = 200
    done = take_down(reviews, "a.jpg", by=ADA, reason="x", addresses=[f"{edge.address}/a.jpg"])
    assert [answer.headers["x-cache"] for answer in done.still_served] == ["Hit from cloudfront"]


def test_a_takedown_can_be_done_again(site: Any, reviews: Reviews, edge: Edge) -> None:
    """The second time there is nothing to withdraw, and the rest is done and proven anew."""
    take_down(reviews, "a.jpg", by=ADA, reason="x")
    again = take_down(reviews, "a.jpg", by=ADA, reason="x", distribution=distribution(), addresses=[f"{edge.address}/a.jpg"])
    assert (again.withdrawn, again.still_served) == (None, ())
    assert again.invalidation is not None


@pytest.mark.parametrize("polls", [2, 10_000], ids=["in time", "never"])
def test_a_takedown_waits_for_the_edge_and_says_if_it_did_not_come(
    site: Any, reviews: Reviews, edge: Edge, monkeypatch: pytest.MonkeyPatch, polls: int
) -> None:
    """Addresses are asked when the edge has dropped its copies and not before; where it doesn't in time, that is no takedown that was done."""
    asked, waited = [], list[float]()

    class Slow:
        def get_invalidation(self, **named: Any) -> dict[str, Any]:
            asked.append((named["DistributionId"], named["Id"]))
            return {"Invalidation": {"Id": "I1", "Status": "Completed" if len(asked) >= polls else "InProgress"}}

    monkeypatch.setattr(delivery, "client", lambda _: Slow())
    monkeypatch.setattr(delivery, "begin_invalidation", lambda *_: {"Id": "I1", "Status": "InProgress"})
    monkeypatch.setattr(delivery.time, "monotonic", lambda: sum(waited))
    monkeypatch.setattr(delivery.time, "sleep", waited.append)
    what: dict[str, Any] = {"by": ADA, "reason": "x", "distribution": "D1", "addresses": [f"{edge.address}/a.jpg"], "patience": 12.0}
    if polls == 2:
        done = take_down(reviews, "a.jpg", **what)
        assert (done.invalidation, [answer.status for answer in done.answers]) == ("I1", [403])
        assert asked == [("D1", "I1")] * 2
    else:
        with pytest.raises(IncompleteError, match=r"the invalidation I1 of a\.jpg did not complete within 12 s"):
            take_down(reviews, "a.jpg", **what)
        assert sum(waited) == 12
        assert not [line for line in site.logged() if line["event"] == "takedown"]
    assert site.published("a.jpg") is None


SILENT = "http://127.0.0.1:9/a.jpg"


def test_an_address_that_cannot_be_reached_is_no_proof(site: Any, reviews: Reviews, edge: Edge) -> None:
    """Silence isn't "gone"; the withdrawal and what the other addresses answered are on record with it."""
    edge.cached["a.jpg"] = 200
    done = take_down(reviews, "a.jpg", by=ADA, reason="x", addresses=[SILENT, f"{edge.address}/a.jpg"])
    assert [(answer.url, answer.status) for answer in done.unanswered] == [(SILENT, None)]
    assert [answer.status for answer in done.still_served] == [200]
    [line] = [line for line in site.logged() if line["event"] == "takedown"]
    assert line["withdrawn"]
    assert [answer["status"] for answer in line["answers"]] == [None, 200]
    assert "could not be reached" in line["answers"][0]["error"]


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (304, 1, ""),
        (410, 0, ""),
        (503, 3, "answered 503, which says neither that it is served nor that it is gone"),
        (429, 3, "answered 429"),
        (301, 3, "answered 301, which leads elsewhere"),
    ],
)
def test_an_answer_that_tells_nothing_is_neither_served_nor_gone(
    site: Any, reviews: Reviews, edge: Edge, capsys: pytest.CaptureFixture[str], status: int, code: int, says: str
) -> None:
    """An edge that is out of order refuses for now, and a redirection leads to what wasn't asked: both are no proof, and no finding either."""
    edge.cached["a.jpg"] = status
    place = ["--table", site.table, "--published", site.published_bucket]
    assert run(["media", "takedown", "a.jpg", "--by", ADA, "--reason", "ticket", "--url", f"{edge.address}/a.jpg", *place]) == code
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("address", ["media.shop.example/a.jpg", "https://media.shop.example:99999/a.jpg"])
def test_an_address_that_is_none_is_told_before_anything_is_done(site: Any, reviews: Reviews, address: str) -> None:
    """A mistyped address stops a takedown at its beginning, not between the withdrawal and its record."""
    with pytest.raises(BadInputError, match="no address on the web"):
        take_down(reviews, "a.jpg", by=ADA, reason="x", addresses=[address])
    assert site.published("a.jpg") is not None


def test_the_takedowns_exit_code_comes_from_all_answers(
    site: Any, reviews: Reviews, edge: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    """Still served anywhere is a finding whoever else is silent; else silence is incomplete. What was done is printed each time."""
    import json

    place = ["--table", site.table, "--published", site.published_bucket]
    taken = ["media", "takedown", "a.jpg", "--by", ADA, "--reason", "ticket", "--url", SILENT, "--url", f"{edge.address}/a.jpg", *place]
    assert run(taken) == 3
    printed = capsys.readouterr()
    assert json.loads(printed.out)["withdrawn"]
    assert f"Not proven: {SILENT} could not be reached" in printed.err
    edge.cached["a.jpg"] = 200
    assert run(taken) == 1
    assert [answer["status"] for answer in json.loads(capsys.readouterr().out)["answers"]] == [None, 200]


def test_a_key_with_brackets_and_escapes_is_shown_as_it_is(site: Any, reviews: Reviews, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever uploads chooses the key: it breaks no list, hides nothing of itself, and moves no cursor."""
    import json

    place = ["--table", site.table, "--published", site.published_bucket]
    keys = ["uploads/[/x].jpg", "[black on black]hidden[/] x.jpg", "a:key:b.jpg", "uploads/\x1b[2Kgone.jpg"]
    for key in keys:
        reviews.gate.handle(site.upload(key, b"\xff\xd8\xfffake"))
    capsys.readouterr()
    assert run(["review", "list", *place]) == 1
    listed = capsys.readouterr().out
    for key in keys[:3]:
        assert f"/{key}" in listed
    assert "uploads/\\x1b[2Kgone.jpg" in listed
    assert "\x1b" not in listed
    assert len(listed.splitlines()) == 1 + len(keys)
    assert run(["review", "list", "--format", "json", *place]) == 1
    for case in json.loads(capsys.readouterr().out):
        assert run(["review", "show", case["id"], *place]) == 0
        shown = capsys.readouterr().out
        assert "\x1b" not in shown
    reviews.decide(case["id"], "reject", by=ADA, reason="no\n  2026  Ada  release: labelled\x1b[2K")
    assert run(["review", "show", case["id"], *place]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert not any(line.startswith("  2026  Ada") for line in shown.splitlines())


def test_a_case_says_how_the_very_version_is_looked_at(
    site: Any, reviews: Reviews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """The printed command shows what was held, also where another upload has its key by now; a key that can't be printed gets the quoted name alone."""
    import shlex

    from averment.detector import corpus

    monkeypatch.chdir(tmp_path)
    place = ["--table", site.table, "--published", site.published_bucket]
    picture = next(image.read() for image in corpus.load() if image.kind == "face")
    target = site.upload("it's 100%/[a] b.jpg", picture + b"fake")
    reviews.gate.handle(target)
    [case] = reviews.cases.listed([CaseState.OPEN])
    site.upload("it's 100%/[a] b.jpg", b"another upload")
    capsys.readouterr()
    assert run(["review", "show", case.id, *place]) == 0
    lines = capsys.readouterr().out.splitlines()
    [see], [get] = ([line for line in lines if line.startswith(f"  {what} it: ")] for what in ("see", "get"))
    assert run(shlex.split(see.removeprefix("  see it: averment "))) in (0, 1)
    arguments = shlex.split(get.removeprefix("  get it: aws s3api get-object "))
    assert arguments == ["--bucket", site.quarantine, "--key", target.key, "--version-id", target.version, "held"]
    reviews.gate.handle(site.upload("\x1b[2Kx.jpg", b"\xff\xd8\xfffake"))
    [hidden] = (found for found in reviews.cases.listed([CaseState.OPEN]) if found.id != case.id)
    assert run(["review", "show", hidden.id, *place]) == 0
    shown = capsys.readouterr().out
    assert "/%1B%5B2Kx.jpg?versionId=" in shown
    assert "get it:" not in shown


@pytest.mark.parametrize("key", ["file:///home/ada/.aws/credentials", "fileb://x.jpg", "https://shop.example/x.jpg", "--debug"])
def test_no_command_is_printed_that_takes_a_key_for_another_thing(key: str) -> None:
    """The AWS CLI reads a file or an address in place of such a value: an uploader could choose which file of the reviewer's is sent to S3."""
    [see] = _ways_to_look(ObjectVersion("held", key, "v1"))
    assert see.startswith("see it: averment media explain ")
    assert _ways_to_look(ObjectVersion("held", f"reviews/{key}", "v1"))[1].startswith("get it: ")


def test_a_narrow_terminal_folds_no_id(
    site: Any, reviews: Reviews, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id in two pieces can't be copied, and a case goes by nothing else."""
    reviews.gate.handle(site.upload("reviews/2026/11/4711.jpg", b"\xff\xd8\xfffake"))
    [case] = reviews.cases.listed([CaseState.OPEN])
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    capsys.readouterr()
    assert run(["review", "list", "--table", site.table]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{case.id}  open  ")
    assert second == f"  s3://{site.quarantine}/reviews/2026/11/4711.jpg"


def test_the_edge_is_told_by_the_hash_of_the_key() -> None:
    """Keys of S3 may be longer than the store's names; a conflict with another writer is tried again."""

    class ConflictError(Exception):
        pass

    class Store:
        exceptions = type("E", (), {"ConflictException": ConflictError, "ResourceNotFoundException": KeyError})
        put: list[dict[str, Any]] = []  # noqa: RUF012 - one test, one store
        conflicts = 2

        def describe_key_value_store(self, **_: Any) -> dict[str, str]:
            return {"ETag": f"e{self.conflicts}"}

        def put_key(self, **given: Any) -> None:
            if self.conflicts:
                type(self).conflicts -= 1
                raise ConflictError
            self.put.append(given)

        def delete_key(self, **given: Any) -> None:
            self.put_key(**given)

    key = "a" * 1000
    refuse_at_edge("arn:aws:cloudfront::1:key-value-store/x", key, "why", store=Store())
    assert [(given["Key"], given["IfMatch"]) for given in Store.put] == [(takedown_name(key), "e0")]
    assert len(takedown_name(key)) == 64
    Store.conflicts = 1
    admit_at_edge("arn:aws:cloudfront::1:key-value-store/x", key, store=Store())
    assert Store.put[1]["Key"] == takedown_name(key)
    for change in (lambda: refuse_at_edge("arn", key, "why", store=Store()), lambda: admit_at_edge("arn", key, store=Store())):
        Store.conflicts = 3
        with pytest.raises(IncompleteError, match="changed by others each time"):  # it isn't refused then, and nobody is told that it is
            change()
    assert len(Store.put) == 2
    Store.delete_key = lambda *_, **__: {}["none"]  # type: ignore[method-assign, misc, assignment]
    admit_at_edge("arn:aws:cloudfront::1:key-value-store/x", "never taken down", store=Store())


def test_the_calls_to_the_key_value_store_are_what_the_service_takes() -> None:
    """Checked against botocore's model of the service. The embedded AWS lacks it, and calling it takes SigV4A, which comes with botocore[crt]."""
    model = boto3.client("cloudfront-keyvaluestore", region_name="us-east-1").meta.service_model
    arn = "arn:aws:cloudfront::123456789012:key-value-store/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

    class Store:
        exceptions = type("E", (), {"ConflictException": type("ConflictError", (Exception,), {}), "ResourceNotFoundException": KeyError})

        def describe_key_value_store(self, **given: Any) -> dict[str, str]:
            return self._checked("DescribeKeyValueStore", given)

        def put_key(self, **given: Any) -> dict[str, str]:
            return self._checked("PutKey", given)

        def delete_key(self, **given: Any) -> dict[str, str]:
            return self._checked("DeleteKey", given)

        def _checked(self, operation: str, given: dict[str, Any]) -> dict[str, str]:
            report = ParamValidator().validate(given, model.operation_model(operation).input_shape)
            assert not report.has_errors(), report.generate_report()
            return {"ETag": "E1"}

    refuse_at_edge(arn, "a.jpg", "why" * 1000, store=Store())
    admit_at_edge(arn, "a.jpg", store=Store())


def test_the_functions_fit_into_what_the_edge_takes(tmp_path: Any) -> None:
    """CloudFront functions may have 10 KB; both sources are complete, with the key written in and no placeholder left."""
    from averment.detector.credentials.keys import PemEcdsaSigner

    assert len(viewer_request_source().encode()) < 10_240
    key = PemEcdsaSigner.create(tmp_path / "k.pem").public_key()
    source = origin_response_source(key)
    assert base64.b64encode(key).decode() in source
    assert "clean disclosed released" in source
    assert "@" not in source.replace("Lambda@Edge", "")


def test_the_commands_do_it(site: Any, reviews: Reviews, edge: Edge, capsys: pytest.CaptureFixture[str]) -> None:
    """list, show, decide, appeal and takedown from the command line, with the exit codes that they promise."""
    import json

    place = ["--table", site.table, "--published", site.published_bucket]
    assert run(["review", "list", *place]) == 0
    reviews.gate.handle(site.upload("b.jpg", b"\xff\xd8\xfffake"))
    capsys.readouterr()
    assert run(["review", "list", "--format", "json", *place]) == 1
    [case] = json.loads(capsys.readouterr().out)
    assert run(["review", "decide", case["id"], "release", "--by", ADA, "--reason", "labelled", *place]) == 0
    assert site.published("b.jpg") is not None
    assert run(["review", "appeal", case["id"], "--by", "seller/Cem", "--reason", "not mine", *place]) == 0
    assert run(["review", "show", case["id"], *place]) == 0
    assert "appeal: not mine" in capsys.readouterr().out
    assert run(["review", "decide", case["id"], "reject", "--by", ADA, "--reason", "x", *place]) == 2
    taken = ["media", "takedown", "a.jpg", "--by", ADA, "--reason", "ticket", "--url", f"{edge.address}/a.jpg", *place]
    assert run(taken) == 0
    edge.cached["a.jpg"] = 200
    assert run(taken) == 1
    capsys.readouterr()
    assert run(["media", "takedown", "a.jpg", "--by", ADA, "--reason", "ticket", *place]) == 3
    told = capsys.readouterr().err
    assert "Nothing is published under a.jpg" in told
    assert "Not proven: no address was asked" in told
    assert run(["review", "list", "--published", site.published_bucket]) == 2
    capsys.readouterr()
    assert run(["review", "decide", case["id"], "release", "--by", ADA, "--reason", "x", "--table", site.table]) == 2
    assert "--published BUCKET" in capsys.readouterr().err
