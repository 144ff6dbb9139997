"""The organisation's file: every mistake is named with its line."""

from datetime import date
from pathlib import Path

import pytest

from averment.core.errors import BadInputError
from averment.core.organisation import Waiver, find_file, load_organisation
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.source import SourceRef

WAIVER = """version: 1
waivers:
  - control: SM-UPL-03
    resource: aws_s3_bucket_policy.*
    owner: platform
    approver: ciso
    reason: The partner moves in January.
    until: {until}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "averment.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("version: 2\n", 1, "1 was expected"),
        ("version: 1\nscoope: {}\n", 2, "unknown key 'scoope'"),
        *(
            (f"version: 1\nparameters:\n  {collector}: {{{wrong}: {value}}}\n", 3, f"unknown key '{wrong}'")
            for collector, wrong, value in (
                ("automation-executions", "runbook", "[isolate-bucket]"),
                ("config-aggregate", "regions", "eu-west-1"),
                ("config-history", "rule", "[cdn-media-gated]"),
                ("detector-metrics", "detector", "[portrait]"),
                ("face-calls", "within_second", "60"),
            )
        ),
        ("version: 1\nscope:\n  accounts: [123]\n", 3, "123 is not of type 'string'"),
        ("version: 1\nscope:\n  media:\n    - role: uploads\n", 4, "'uploads' is not one of"),
        (WAIVER.format(until="soon"), 8, "does not match"),
        (WAIVER.format(until="2026-02-30"), 8, "is not a day"),
        (WAIVER.format(until="2026-12-31").replace("platform", "'  '"), 5, "does not match"),
        (WAIVER.format(until="2026-12-31").replace("ciso", "'  '"), 6, "does not match"),
        (WAIVER.format(until="2026-12-31").replace("The partner moves in January.", "'             '"), 7, "does not match"),
        (WAIVER.format(until="2026-12-31").replace("aws_s3_bucket_policy.*", "''"), 4, "should be non-empty"),
        ('version: 1\nevidence:\n  ledger: ""\n', 3, "evidence.ledger: '' should be non-empty"),
        ('version: 1\nevidence:\n  signing_key: ""\n', 3, "evidence.signing_key: '' should be non-empty"),
        ("version: 1\nevidence:\n  origin: |\n    example.com/shop\n", 3, "evidence.origin: 'example.com/shop\\n' does not match"),
        ('version: 1\nevidence:\n  origin: "a\\ab"\n', 3, "evidence.origin: 'a\\x07b' does not match"),
        ('version: 1\norganisation:\n  name: "  "\n', 3, "organisation.name: '  ' does not match"),
        ("version: 1\nscope:\n  media:\n    - role: upload\n", 4, "no bucket is known by this"),
        ("version: 1\nscope:\n  media:\n    - {role: upload, names: [], tags: {}}\n", 4, "no bucket is known by this"),
        ("version: 1\nscope:\n  media:\n    - role: upload\n      listed: ['arn:aws:s3:::a']\n", 5, "'arn:aws:s3:::a' does not match"),
        ("version: 1\nscope:\n  media:\n    - role: upload\n      names: ['s3://a']\n", 5, "'s3://a' does not match"),
        ("- a\n", 1, "holds a list, not keys with values"),
        ("", 1, "is empty"),
        ("version: 1\nparameters:\n  face-calls:\n    # within_seconds: 120\n", 3, "parameters.face-calls is empty"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    """A person finds the mistake from the error alone."""
    with pytest.raises(BadInputError) as caught:
        load_organisation(write(tmp_path, text))
    assert message in caught.value.message
    assert caught.value.where is not None
    assert caught.value.where.line == line


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("version: 1\nscope: {accounts: [111122223333]}\n", "twelve digits each, quoted"),
        ("version: 1\nscope: {regions: [Frankfurt]}\n", "the regions that you use: [eu-west-1]"),
        ("version: 1\nscope: {media: [{names: [a]}]}\n", "it needs: role"),
        ("scope: {}\n", "it needs: version"),
        (
            "version: 1\nparameters: {detector-metrics: {detectors: portrait}}\n",
            "a list of the detectors that have to scan, by name: [portrait, product]",
        ),
        (
            'version: 1\nparameters: {evidence_retention_days: "90"}\n',
            "a whole number of days: the shortest default retention that is accepted",
        ),
        ("version: 1\nparameters: {evidence_buckets: proof}\n", "a list of the buckets with evidence, by name or pattern"),
        (
            "version: 1\nparameters: {signing-calls: {keys: [1]}}\n",
            "a list of the KMS keys that sign marks of origin, by ARN, id or pattern",
        ),
    ],
)
def test_mistakes_are_told_with_what_to_write(tmp_path: Path, text: str, fix: str) -> None:
    """An account's number without quotes is the first mistake of all, and "is not of type 'string'" no help."""
    with pytest.raises(BadInputError) as caught:
        load_organisation(write(tmp_path, text))
    assert caught.value.fix == fix


@pytest.mark.parametrize(
    "written",
    [
        "# ours\nversion: 1\n",
        "\ufeffversion: 1\r\nscope: {}\r\n",
        '"version": 1\n',
        "scope: {}\rversion : 1\r",
        '{"version": 1, "scope": {}}',
    ],
    ids=["plain", "byte order mark", "quoted", "carriage returns", "JSON"],
)
def test_settings_under_another_name_are_said_and_never_passed_over(tmp_path: Path, written: str) -> None:
    """With averment.yml in the repository everything went by the defaults, and nothing told so. A CI job of that name is none of ours."""
    below = tmp_path / "infra"
    below.mkdir()
    (tmp_path / "averment.yml").write_bytes(written.encode())
    with pytest.raises(BadInputError, match="is not read under this name") as caught:
        find_file(below)
    assert caught.value.fix == "call it averment.yaml"
    (below / "averment.yml").write_text("name: averment\non: [pull_request]\n")
    (below / "averment.yaml").write_text("version: 1\n")
    assert find_file(below) == below.resolve() / "averment.yaml"
    (tmp_path / "averment.yaml").write_text("version: 1\n")
    (below / "averment.yaml").unlink()
    assert find_file(below) == tmp_path.resolve() / "averment.yaml"


def test_a_waiver_covers_until_its_last_day_and_not_beyond(tmp_path: Path) -> None:
    """Expired is void; another control or resource isn't covered."""
    (waiver,) = load_organisation(write(tmp_path, WAIVER.format(until="2026-12-31"))).waivers
    assert waiver.covers("SM-UPL-03", "aws_s3_bucket_policy.partner", date(2026, 12, 31))
    assert not waiver.covers("SM-UPL-03", "aws_s3_bucket_policy.partner", date(2027, 1, 1))
    assert not waiver.covers("SM-UPL-01", "aws_s3_bucket_policy.partner", date(2026, 1, 1))
    assert not waiver.covers("SM-UPL-03", "aws_iam_policy.partner", date(2026, 1, 1))


@pytest.mark.parametrize(
    ("resource", "covered", "left"),
    [
        ('aws_s3_bucket.uploads["a"]', 'aws_s3_bucket.uploads["a"]', "aws_s3_bucket.uploadsa"),
        ("aws_s3_bucket.more[0]", "aws_s3_bucket.more[0]", "aws_s3_bucket.more0"),
        ('module.shop["eu"].*', 'module.shop["eu"].aws_s3_bucket.this[0]', 'module.shop["us"].aws_s3_bucket.this[0]'),
        ("aws_s3_bucket.more[?]", "aws_s3_bucket.more[7]", "aws_s3_bucket.more[10]"),
    ],
)
def test_a_waiver_takes_addresses_with_keys_as_they_are(resource: str, covered: str, left: str) -> None:
    """What a report names can be copied into a waiver; brackets were taken for a choice of letters, which covered what nobody had named."""
    waiver = Waiver("SM-UPL-01", resource, "owner", "approver", "a reason in words", date(2027, 1, 1), SourceRef("averment.yaml", 1))
    assert waiver.covers("SM-UPL-01", covered, date(2026, 12, 1))
    assert not waiver.covers("SM-UPL-01", left, date(2026, 12, 1))


def test_the_file_is_found_upward(tmp_path: Path) -> None:
    """A command run in a sub-folder finds the repository's file."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    path = write(tmp_path, "version: 1\n")
    assert find_file(deep) == path.resolve()


@pytest.mark.parametrize("kind", ["a link that leads nowhere", "a folder"])
def test_a_name_that_is_no_file_is_not_passed_over(tmp_path: Path, kind: str) -> None:
    """A dangling link or a folder is refused by name: without its scope, fewer buckets would count as media, and nobody would hear of it."""
    place = tmp_path / "averment.yaml"
    if kind == "a folder":
        place.mkdir()
    else:
        place.symlink_to("shared/averment.yaml")
    (tmp_path / "below").mkdir()
    with pytest.raises(BadInputError, match=r"no file, so nothing is known of the organisation") as error:
        find_file(tmp_path / "below")
    assert error.value.where is not None
    assert error.value.where.file == str(place.resolve() if kind == "a folder" else place.parent.resolve() / place.name)


def test_a_tag_wins_over_a_name() -> None:
    """A bucket called '...-uploads' that is tagged as published is published, and the reason says so."""
    assert Scope().media_role("shop-uploads", {"data-class": "published-media"}) == (MediaRole.PUBLISHED, "tag data-class=published-media")
    assert Scope().media_role("shop-uploads", {}) == (MediaRole.UPLOAD, "name matches *upload*")
    assert Scope().media_role("terraform-state", {}) is None


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("acme-photos", MediaRole.PUBLISHED),
        ("acme-lambda-image-bucket", MediaRole.PUBLISHED),
        ("voice-audio-clips", MediaRole.PUBLISHED),
        ("UserUploadsBucket4E8F", MediaRole.UPLOAD),
        ("lambda-uploads-acme", None),
        ("lambda-upload-artifacts", None),
        ("acme-csv-uploads", None),
        ("intermediate-results", None),
        ("MediaMetadataBucket", None),
        ("AutoRemediationBucket", None),
        ("docker-images-acme", None),
        ("user-img-acme", MediaRole.PUBLISHED),
        ("vm-imgs-acme", None),
        ("imagebuilder-logs", None),
        ("acme-website-assets", None),
        ("cdk-hnb659fds-assets-111122223333-eu-west-1", None),
        ("MediaAccessLogs", None),
        ("vod-asset-ingest-prod", MediaRole.PUBLISHED),
        ("acme-vod", MediaRole.PUBLISHED),
        ("vod-cloudfront-logging", None),
        ("acme-vodka", None),
    ],
)
def test_the_default_patterns_know_media_from_what_only_sounds_like_it(name: str, role: MediaRole | None) -> None:
    """Names as people write them: code, builds, logs and pages aren't media, and a guess must not cry wolf."""
    found = Scope().media_role(name, {})
    assert (found[0] if found else None) is role


def test_an_organisation_s_own_patterns_are_taken_at_their_word() -> None:
    """The exceptions belong to the guess: who lists ``*`` gets every bucket."""
    scope = Scope(media=(MediaMatcher(MediaRole.UPLOAD, names=("*",)),))
    assert scope.media_role("lambda-upload-artifacts", {}) == (MediaRole.UPLOAD, "name matches *")
