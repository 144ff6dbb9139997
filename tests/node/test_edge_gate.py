"""The edge gate's two functions in Node: closed by default, and open for exactly what the gate signed.

CloudFront's own module ``cloudfront`` is stood in for by a set of names; ``crypto`` is Node's, as at the edge. Events have the shape that
CloudFront's documentation gives. Origin of the data: written for these tests.
"""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from averment.detector.credentials.keys import PemEcdsaSigner
from averment.detector.gate.delivery import origin_response_source, takedown_name, viewer_request_source
from averment.detector.gate.edge_cache import addresses_of
from averment.detector.gate.seals import verdict_seal

STORE = """
export default { kvs: () => ({ exists: async (name) => {
  if (process.env.TAKEN === 'broken') throw new Error('out of reach');
  return (process.env.TAKEN || '').split(' ').includes(name);
} }) };
"""


def run_node(folder: Path, script: str, **environment: str) -> Any:
    import os

    done = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def viewer(tmp_path: Path) -> Any:
    module = tmp_path / "node_modules" / "cloudfront"
    module.mkdir(parents=True)
    (module / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
    (module / "index.js").write_text(STORE)
    (tmp_path / "viewer.mjs").write_text(viewer_request_source() + "\nexport { handler };\n")

    def ask(uri: str, method: str = "GET", taken: str = "") -> Any:
        event = json.dumps({"request": {"uri": uri, "method": method, "headers": {}}})
        script = f"import {{ handler }} from './viewer.mjs'; console.log(JSON.stringify(await handler({event})));"
        return run_node(tmp_path, script, TAKEN=taken)

    return ask


def test_what_was_taken_down_is_refused_at_the_viewers_request(viewer: Any) -> None:
    """Also under a key with spaces and other letters; everything else goes on to the cache."""
    key = "reviews/a b ü.jpg"
    assert viewer("/" + quote(key), taken=takedown_name(key))["statusCode"] == 410
    assert viewer("/other.jpg", taken=takedown_name(key))["uri"] == "/other.jpg"


def test_the_bare_address_is_asked_for_by_the_name_of_what_it_stands_for(viewer: Any) -> None:
    """The distribution's root object: taken down under its key it isn't served there either, and it is cached under the address that is invalidated."""
    assert viewer("/", taken=takedown_name("index.html"))["statusCode"] == 410
    assert viewer("/")["uri"] == "/index.html"


def test_a_medium_is_cached_under_one_address_which_is_invalidated(viewer: Any) -> None:
    """However its key is written in the request: otherwise a copy that somebody asked for under another spelling would outlive a withdrawal."""
    for key in ("reviews/a b+c.jpg", "ü/(1)!*'~.jpg", "a/../b.jpg", "plain-1_2.jpg"):
        *_, wanted = addresses_of(key)
        spelt = "/" + "".join(f"%{byte:02x}" for byte in key.encode())
        assert {viewer(uri)["uri"] for uri in (wanted, spelt, "/" + quote(key, safe="/!*'()+"))} == {wanted}


@pytest.mark.parametrize(
    ("uri", "method", "taken", "status"), [("/a.jpg", "PUT", "", 405), ("/%E0%A4%A", "GET", "", 400), ("/a.jpg", "GET", "broken", 503)]
)
def test_what_cannot_be_answered_is_refused(viewer: Any, uri: str, method: str, taken: str, status: int) -> None:
    """Another method, a malformed address, and a store that is out of reach."""
    assert viewer(uri, method, taken)["statusCode"] == status


@pytest.fixture
def signer(tmp_path: Path) -> PemEcdsaSigner:
    return PemEcdsaSigner.create(tmp_path / "key.pem")


@pytest.fixture
def origin(tmp_path: Path, signer: PemEcdsaSigner) -> Any:
    (tmp_path / "index.cjs").write_text(origin_response_source(signer.public_key()))
    return partial(ask, tmp_path)


def ask(folder: Path, uri: str, headers: dict[str, str], status: str = "200") -> int:
    """The status with which the function in ``folder`` answers."""
    shaped = {name: [{"key": name, "value": value}] for name, value in headers.items()}
    event = {"Records": [{"cf": {"request": {"uri": uri}, "response": {"status": status, "headers": shaped}}}]}
    script = f"import gate from './index.cjs'; console.log(JSON.stringify(await gate.handler({json.dumps(event)})));"
    return int(run_node(folder, script)["status"])


def headers(signer: PemEcdsaSigner, key: str, size: int, verdict: str = "clean") -> dict[str, str]:
    sealed = verdict_seal(signer, key, size, verdict, "2026-12-02T10:00:00Z")
    return {"content-length": str(size), **{f"x-amz-meta-{name}": value for name, value in sealed.items()}}


@pytest.mark.parametrize("verdict", ["clean", "disclosed", "released"])
def test_what_the_gate_signed_is_served(origin: Any, signer: PemEcdsaSigner, verdict: str) -> None:
    """Whole, and in parts (videos are asked for by range)."""
    key = "reviews/a b ü.jpg"
    good = headers(signer, key, 1234, verdict)
    assert origin("/" + quote(key), good) == 200
    part = {**good, "content-length": "100", "content-range": "bytes 0-99/1234"}
    assert origin("/" + quote(key), part, "206") == 206


def test_what_it_did_not_sign_is_refused(origin: Any, signer: PemEcdsaSigner, tmp_path: Path) -> None:
    """No seal, another key's, another size, another verdict, another signer, a verdict that isn't servable, words for a seal."""
    good = headers(signer, "a.jpg", 1234)
    stranger = headers(PemEcdsaSigner.create(tmp_path / "other.pem"), "a.jpg", 1234)
    wrong = [
        {"content-length": "1234"},
        {**good, "content-length": "1235"},
        {**good, "x-amz-meta-averment-verdict": "released"},
        {**good, "x-amz-meta-averment-issued": "2027-01-01T00:00:00Z"},
        {**good, "x-amz-meta-averment-seal": "words"},
        {**good, "x-amz-meta-averment-seal": ""},
        headers(signer, "a.jpg", 1234, "flagged"),
        headers(signer, "a.jpg", 1234, "review"),
        stranger,
    ]
    assert [origin("/a.jpg", given) for given in wrong] == [403] * len(wrong)
    assert origin("/b.jpg", good) == 403


def test_what_the_former_seal_key_signed_is_served_as_long_as_it_is_named(tmp_path: Path, signer: PemEcdsaSigner) -> None:
    """A new key takes over without taking anything off the air; once the old one is named no more, what it sealed is refused."""
    new = PemEcdsaSigner.create(tmp_path / "new.pem")
    before, after = headers(signer, "a.jpg", 1234), headers(new, "b.jpg", 1234)
    (tmp_path / "index.cjs").write_text(origin_response_source(new.public_key(), signer.public_key()))
    assert [ask(tmp_path, "/a.jpg", before), ask(tmp_path, "/b.jpg", after)] == [200, 200]
    (tmp_path / "index.cjs").write_text(origin_response_source(new.public_key()))
    assert [ask(tmp_path, "/a.jpg", before), ask(tmp_path, "/b.jpg", after)] == [403, 200]


def test_what_the_origin_refuses_stays_refused(origin: Any) -> None:
    """Its own answers pass through: there is nothing in them to serve."""
    assert origin("/a.jpg", {"content-length": "10"}, "404") == 404
