"""Collecting, proving, exporting and verifying as functions, on an embedded AWS. Images are gradients made here with Pillow."""

from __future__ import annotations

import dataclasses
import errno
import json
import pickle
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from PIL import Image

from averment import api
from averment.cli.main import run
from averment.core.fetch import Fetch
from averment.core.signing.local import LocalSigner
from averment.detector.credentials.keys import signing_identity
from averment.detector.credentials.signing import sign_media
from averment.detector.remote import BusyError
from averment.evidence.ledger.checkpoint import VerifierKey
from averment.evidence.ledger.witness import BehindError

BEGIN, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an organisation's file, a configuration, and two signed images."""
    signer, chain = signing_identity(None, None, Path("ca"), tmp_path)
    (tmp_path / "marked").mkdir()
    for number in range(2):
        path = tmp_path / "marked" / f"{number}.png"
        Image.linear_gradient("L").rotate(90 * number).save(path)
        path.write_bytes(sign_media(path.read_bytes(), signer, chain).data)
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "uploads" {\n  bucket = "shop-uploads"\n}\n')
    (tmp_path / "averment.yaml").write_text("version: 1\norganisation: {name: Shop}\nparameters: {trust_anchors: ca/test-authority.pem}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_claims_on_time_are_tested_first_and_told_in_their_place(shop: Path) -> None:
    """They come first as long as the detector hasn't met the media; whoever reads results beside the file finds them where they stand there."""
    claims = ["{type: disclosure-coverage, population: p, at_least: 0.5}", "{type: latency, population: p, at_most: 40}"]
    (shop / "claims.yaml").write_text("claims:\n" + "".join(f"  - {claim}\n" for claim in claims))
    seen: list[api.Progress] = []
    proved = api.prove("claims.yaml", populations={"p": shop / "marked"}, record=False, on_progress=seen.append)
    assert [outcome.id for outcome in proved.outcomes] == ["claims.yaml:2", "claims.yaml:3"]
    assert ["claims.yaml:3" in item.doing for item in seen] == [True, False]


def test_what_asks_no_account_is_heard_of_as_it_goes(shop: Path) -> None:
    """A bar that waits for the first step stood still while the repository was checked, and for good where nothing else was asked for."""
    seen: list[api.Progress] = []
    assert api.collect("incidents", "check", on_progress=seen.append).conclusion is api.Conclusion.CLEAN
    assert [(item.done, item.total) for item in seen] == [(0, 2), (1, 2), (2, 2)]


def test_media_where_nobody_looks_leaves_provenance_open(shop: Path, sandbox: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Published media in a region beside that of the AWS settings counted as looked at, since each region leaves out the buckets of others."""
    listed = Fetch.pages

    def as_s3_does(self: Fetch, operation: str, *arguments: Any, **options: Any) -> Iterator[Any]:
        for page in listed(self, operation, *arguments, **options):
            if operation == "ListBuckets":
                page["Buckets"] = [{**bucket, "BucketRegion": bucket["Name"].removeprefix("media-")} for bucket in page["Buckets"]]
            yield page

    monkeypatch.setattr(Fetch, "pages", as_s3_does)
    for region in ("eu-west-1", "eu-central-1"):
        place: Any = {"LocationConstraint": region}
        boto3.client("s3", region_name=region).create_bucket(Bucket=f"media-{region}", CreateBucketConfiguration=place)
    (record,) = api.collect("provenance").incomplete
    assert str(record.reason).startswith("the published bucket media-eu-central-1 lies in eu-central-1, which nobody looked into")
    assert record.population is not None
    assert (record.population.total, record.population.truncated) == (None, True), "of what lies there, nobody knows how much it is"
    assert api.collect("provenance", regions=["eu-west-1", "eu-central-1"]).conclusion is api.Conclusion.CLEAN
    collected = api.collect("media-states", "bucket-policies")
    told = (
        "eu-central-1 (the published bucket media-eu-central-1) not looked into, though media lie there: name every region in scope.regions"
    )
    assert [note.startswith(told) for note in collected.notes] == [True], "once, though both tell"
    assert api.collect("media-states", regions=["eu-west-1", "eu-central-1"]).notes == ()
    for listing in collected.records:
        rows: Any = listing.payload["buckets"]
        assert {row["region"] for row in rows} == {"eu-west-1", "eu-central-1"}, "by these it is known which regions an assessment lacks"


def test_a_quarter_from_collecting_to_verifying(shop: Path, sandbox: object, capfd: pytest.CaptureFixture[str]) -> None:
    """Each job hands its result on, nothing is printed, and the commands then say the same of the same ledger."""
    boto3.client("s3").create_bucket(Bucket="shop-uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    seen: list[api.Progress] = []
    collected = api.collect("check", "media-states", on_progress=seen.append)
    assert (collected.conclusion, collected.incomplete, collected.errors) == (api.Conclusion.CLEAN, (), ())
    assert [record.collector for record in collected.records] == ["check", "media-states"]
    assert [(item.done, item.total) for item in seen] == [(0, None), (1, None), (1, 2), (2, 2)]
    assert ("check" in seen[1].doing, "media-states" in seen[-1].doing) == (True, True)

    proved = api.prove("SM-PRV-01", populations={"generated-media": shop / "marked"})
    (outcome,) = proved.outcomes
    assert outcome.id == "SM-PRV-01/coverage"
    assert outcome.result is not None
    assert (outcome.result.verdict, proved.conclusion) == (api.ClaimVerdict.SUPPORTED, api.Conclusion.CLEAN)
    again = api.replay(proved.records[outcome.id])
    assert again.outcome is api.ReplayOutcome.REPRODUCED

    label = collected.records[0].to_json()["period"]  # the present quarter: these collectors tell the present
    period = f"{str(label['start'])[:10]}..{str(label['end'])[:10]}"  # type: ignore[index, call-overload]
    package = api.export(period, output=shop / "package")
    assert (package.records, package.entries) == (3, 3)
    assert package.totals[api.Status.NOT_SATISFIED] >= 1
    assert any("the period was not over" in note for note in package.notes)

    packaged = api.replay(package.path / "records" / f"{proved.records[outcome.id]}.json")  # a path, as wherever one is taken
    assert packaged.outcome is api.ReplayOutcome.REPRODUCED

    key = next((shop / ".averment" / "ledger" / "keys").glob("*.pub.pem"))
    mine = dataclasses.replace(api.parse_period(period), label="FY27 H1")
    own = api.verify(api.export(mine, output=shop / "own").path, keys=[key])
    assert own.genuine, "a true package under a label of one's own was refused, which says nothing of days"
    assert [line for line in own.uncovered if line.startswith("Which days 'FY27 H1' is: the manifest alone says")]
    verified = api.verify(package.path, keys=[key])
    assert (verified.genuine, verified.conclusion) == (True, api.Conclusion.CLEAN)
    assert "3 records of the period stand in a log of 3 entries" in verified.covered[0]
    assert capfd.readouterr() == ("", "")

    assert run(["export", "--period", period, "--output", "by-command"]) == 0
    assert (shop / "by-command" / "MANIFEST.json").read_bytes() == (shop / "package" / "MANIFEST.json").read_bytes()
    capfd.readouterr()
    assert run(["verify", "package", "--key", str(key), "--format", "json"]) == 0
    assert json.loads(capfd.readouterr().out) == verified.to_json()


def test_a_changed_package_is_a_finding_that_names_the_file(shop: Path) -> None:
    """Wrong files come as values; nothing is said to be shown then."""
    api.collect("check")
    package = api.export(api.collect("check").records[0].to_json()["period"]["start"][:7], output="p")  # type: ignore[index, call-overload]
    (package.path / "report.json").write_text("{}")
    shutil.make_archive("p", "zip", "p")
    verified = api.verify("p")
    assert (verified.genuine, verified.conclusion, verified.covered) == (False, api.Conclusion.FINDINGS, ())
    assert api.verify("p.zip").to_json() == verified.to_json()
    assert "report.json" in {wrong.file for wrong in verified.problems}
    assert any(step.problems for step in verified.steps)


def test_a_file_that_cannot_be_read_here_accuses_nobody(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A permission that is missing is incomplete and names the file; beside a file that was changed it is a finding as before."""
    api.collect("check")
    api.export(api.collect("check").records[0].to_json()["period"]["start"][:7], output="p")  # type: ignore[index, call-overload]
    opens = Path.open

    def refusing(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == "README.html":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opens(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    verified = api.verify("p")
    assert (verified.genuine, verified.conclusion, verified.covered) == (False, api.Conclusion.INCOMPLETE, ())
    assert run(["verify", "p"]) == 3
    assert "could not be checked whole. Check the permissions of: README.html" in capsys.readouterr().out
    (Path("p") / "report.json").write_text("{}")
    assert api.verify("p").conclusion is api.Conclusion.FINDINGS


def test_a_source_out_of_reach_is_incomplete_and_said(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials what needs none is collected all the same, and the result holds the error."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shop / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(shop / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    collected = api.collect("check", "media-states")
    assert [record.collector for record in collected.records] == ["check"]
    assert collected.conclusion is api.Conclusion.INCOMPLETE
    assert "credentials" in str(collected.errors[0])


def test_a_claim_that_can_not_be_tested_is_an_outcome(shop: Path) -> None:
    """The error stands where the result would; asked not to, nothing is recorded, and that is noted."""
    heard: list[str] = []
    proved = api.prove("SM-PRV-01", populations={"generated-media": "nowhere"}, record=False, on_note=heard.append)
    assert proved.conclusion is api.Conclusion.INCOMPLETE
    assert proved.outcomes[0].result is None
    assert isinstance(proved.outcomes[0].error, api.AvermentError)
    assert (proved.records, tuple(heard)) == ({}, proved.notes)
    assert "won't count" in heard[0]
    assert not (shop / ".averment" / "ledger").exists()


def test_no_claim_at_all_is_not_clean(shop: Path) -> None:
    """The selected control states none: nothing was tested, so nothing is shown."""
    (shop / "averment.yaml").write_text("version: 1\ncontrols: [SM-UPL-03]\n")
    proved = api.prove()
    assert (proved.outcomes, proved.conclusion) == ((), api.Conclusion.INCOMPLETE)
    assert "nothing was tested" in proved.notes[0]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (lambda: api.collect("no-such"), "no collector 'no-such'"),
        (lambda: api.collect(period="2026Q5"), "2026Q5"),
        (lambda: api.collect("check", period="2199Q1"), "2199Q1 has not begun"),
        (lambda: api.collect(accounts=["111111111111"]), "no role is named"),
        (lambda: api.collect(accounts=["111111111111"], whole_organisation=True, role="r"), "exclude each other"),
        (lambda: api.prove("SM-NO-99"), "SM-NO-99"),
        (lambda: api.collect("check", period=api.Period("Q4", BEGIN.replace(tzinfo=None), END)), "'Q4' has no time zone"),
        (lambda: api.collect("check", period=api.Period("Q4", END, BEGIN)), "'Q4' ends before it begins"),
        (lambda: api.export(api.Period("Q4", BEGIN, BEGIN)), "'Q4' ends before it begins"),
        (lambda: api.export(api.Period("Q4\nQ5", BEGIN, END)), "can't be the label"),
        (lambda: api.export(api.Period("../Q4", BEGIN, END)), "can't be the label"),
        (lambda: api.export(api.Period("2026Q3", BEGIN, END)), "says other days than 2026-10-01 up to 2027-01-01"),
        (lambda: api.export(None), "'None' is not a period"),  # type: ignore[arg-type]
        (lambda: api.export("2026Q4", output=""), "output is empty"),
        (lambda: api.verify(""), "package is empty"),
        (lambda: api.prove("SM-PRV-01", populations={"generated-media": ""}), "the place of the population generated-media is empty"),
        (lambda: api.prove("SM-PRV-01", populations=["a=b"]), "populations names no places"),  # type: ignore[arg-type]
        (lambda: api.prove("SM-DET-03", seed=-1), "-1 can't be a seed"),  # each claim was recorded as untested, by a flaw of the program's
        (lambda: api.prove("SM-DET-03", seed="7"), "'7' can't be a seed"),  # type: ignore[arg-type]
        (lambda: api.prove("SM-DET-03", seed=2**53), "can't be a seed"),
        (lambda: api.prove(Path("none.yaml")), "none.yaml|does not exist"),
        (lambda: api.prove("SM-PRV-01", detector=Path("none.yaml")), "does not exist"),
        (lambda: api.prove(["SM-PRV-01"]), "a claim is of the type list"),  # type: ignore[arg-type]
        (lambda: api.collect(["check"]), "a collector is of the type list"),  # type: ignore[arg-type]
        (lambda: api.replay("0" * 8), "no record 00000000"),
        (lambda: api.replay(Path("none.json")), "does not exist"),
        (lambda: api.replay("0" * 8, detector=Path("none.yaml")), "no record 00000000"),
        (lambda: api.export("2026Q4"), "the ledger is empty"),
        (lambda: api.export("2026Q4", compare_keys=["k.pem"]), "named for no package"),
        (lambda: api.export("2026Q4", compare="p", compare_keys="k.pem"), "compare_keys is one text"),
        (lambda: api.verify("nowhere"), "no manifest"),
        (lambda: api.verify("averment.yaml", keys=["averment.yaml"]), "not a verifier key"),
        (lambda: api.verify("averment.yaml", checkpoints=["averment.yaml"]), "one record's proof"),
        (lambda: api.verify(".", quorum=1), "a quorum of 1"),
        (lambda: api.verify(".", keys="auditee.pem"), "keys is one text"),
        (lambda: api.verify(".", witnesses="w.vkey"), "witnesses is one text"),
        (lambda: api.collect("check", accounts="111122223333"), "accounts is one text"),
        (lambda: api.collect("check", regions="eu-west-1"), "regions is one text"),
        (lambda: api.verify(".", quorum=0, witnesses=["w"]), "a quorum of 0"),
    ],
)
def test_wrong_use_is_refused(shop: Path, job: object, said: str) -> None:
    """One exception, of the family that the page names, and nothing in the ledger."""
    with pytest.raises(api.BadInputError, match=said):
        job()  # type: ignore[operator]
    assert not (shop / ".averment" / "ledger" / "checkpoint").exists()


def test_a_witness_out_of_reach_is_noted_once(shop: Path) -> None:
    """An export asks it before the package is written and once more at the end: the same note stood there twice."""
    key = VerifierKey("w.example", LocalSigner.create(shop / "w" / "w.pem").public_key(), cosigner=True)
    (shop / "averment.yaml").write_text(f"version: 1\nevidence:\n  witnesses: [{{key: '{key}', url: 'http://127.0.0.1:9'}}]\n")
    api.collect("check")
    notes = [note for note in api.export("2026Q4", output="p").notes if "w.example" in note]
    assert len(notes) == 1
    assert "was not cosigned by w.example" in notes[0]


def test_errors_and_results_come_out_of_another_process(shop: Path) -> None:
    """Also an error that takes more than a message, as that of a busy detector: unpickling it broke the whole pool of processes."""
    with pytest.raises(api.BadInputError) as refused:
        api.export("2026Q4")
    for error in (refused.value, BusyError("is busy", fix="ask later", after=3.0), BehindError(5)):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), copy.diagnostics(), vars(copy)) == (type(error), error.diagnostics(), vars(error))
    proved = api.prove("SM-PRV-01", populations={"generated-media": "nowhere"})
    again = pickle.loads(pickle.dumps(proved))
    assert (again.conclusion, again.records) == (proved.conclusion, proved.records)
    collected = api.collect("check")
    assert pickle.loads(pickle.dumps(collected)) == collected
    exported = api.export("2026Q4", output="p")
    assert pickle.loads(pickle.dumps(exported)) == exported
    verified = api.verify("p")
    assert pickle.loads(pickle.dumps(verified)) == verified


@pytest.mark.parametrize(
    ("module", "extra", "job"),
    [
        ("boto3", "aws", lambda: api.collect("media-states")),
        ("xlsxwriter", "report", lambda: api.export("2026Q4")),
        ("numpy", "detector", lambda: api.prove("SM-PRV-01")),
    ],
)
def test_a_missing_part_is_named(shop: Path, monkeypatch: pytest.MonkeyPatch, module: str, extra: str, job: object) -> None:
    """The exception says what installs it, whatever else the job could have done."""
    api.collect("check")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(api.MissingExtraError) as missing:
        job()  # type: ignore[operator]
    assert missing.value.fix == f"pip install 'averment[{extra}]'"
