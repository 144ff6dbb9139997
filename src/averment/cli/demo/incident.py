"""The incident of the demo: a synthetic product picture slips in through a third party's key, and is caught, preserved, contained, reported."""

from __future__ import annotations

from typing import Any

from averment.cli.demo.stage import Stage
from averment.core.aws import aws_errors, client
from averment.core.errors import ExitCode, IncompleteError
from averment.detector.corpus import load

SELLERS, EVIDENCE = "larkspur-prod-seller-uploads", "larkspur-incident-evidence"
PARTNER, KEY = "pixelpost", "pixelpost/scarf-on-model.jpg"
REPORT = "../incident.html"

_ANSWERS = {
    "third_party_access": "yes",
    "personal_data_breached": "no",
    "own_media_unmarked": "no",
    "user_content_restricted": "no",
    "notice_received": "no",
    "money_moved": "no",
    "crime_suspected": "no",
}
"""What is known after the first minutes; a no is recorded with its reason, like a yes."""


def incident(stage: Stage) -> None:
    """From the picture that slips in to the report, by the commands that people would type."""
    stage.heading("An incident: a synthetic product picture through a third party's key")
    genuine, key_id = slip_in()
    url = f"s3://{SELLERS}/{KEY}"
    stage.say(
        f"Pixelpost's key replaced the picture of a scarf in {SELLERS}, which nothing scans; a customer asks whether the model exists"
    )
    stage.averment("media", "scan", url, expect=(ExitCode.CLEAN, ExitCode.FINDINGS, ExitCode.INCOMPLETE))
    facts = [part for name, answer in _ANSWERS.items() for part in ("--fact", f"{name}={answer}")]
    who = ("--by", "security-operations")
    stage.averment(
        "incident",
        "open",
        "A synthetic model wears Pixelpost's scarf",
        "--by",
        "trust-and-safety",
        "--noticed-by",
        "a customer",
        "--media",
        url,
    )
    said = "The key could write pictures only; no account was touched."
    stage.averment("incident", "triage", "latest", *who, "--impact", "trust", "--reach", "public", *facts, "--because", said)
    keep = f"s3://{EVIDENCE}/incidents"
    stage.averment("incident", "preserve", "latest", "--all-versions", *who, "--because", "Before it is taken down.", "--to", keep)
    measures = ("--do", f"hide-object={url}", "--do", f"disable-key={PARTNER}/{key_id}")
    stage.averment("incident", "contain", "latest", *measures, *who, "--because", "It is live.")
    two = "Two reviewers, apart: the weave ends in the air."
    stage.averment("incident", "analyse", "latest", "--opinion", "synthetic", "--item", "1", "--by", "trust-and-safety", "--because", two)
    told = ("--decision", "sent", "--receipt", "ticket 4711", "--by", "procurement", "--because", "Clause 7.2 asks for it within 48 hours.")
    stage.averment("incident", "notify", "latest", "pixelpost-terms", *told)
    restore(genuine)
    action = "2027-01-15/platform-security/Pixelpost moves to the upload API that scans"
    stage.averment("incident", "recover", "latest", *who, "--restored", "the genuine picture", "--action", action)
    stage.averment("incident", "close", "latest", *who, "--cause", "Pixelpost's key lay in a public repository.")
    stage.averment("incident", "report", "latest", "-o", REPORT)


def slip_in() -> tuple[bytes, str]:
    """Put the genuine picture there, and the synthetic one over it with the partner's key: the genuine bytes, and the key's id.

    Raises:
        IncompleteError: the embedded AWS refused.
    """
    images = load()
    genuine = next(image for image in images if (image.label, image.kind) == ("real", "product")).read()
    synthetic = next(image for image in images if image.label == "synthetic").read()
    s3, iam = client("s3"), client("iam")
    with aws_errors("let the picture slip in"):
        place = {"LocationConstraint": s3.meta.region_name}
        s3.create_bucket(Bucket=EVIDENCE, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
        s3.put_object(Bucket=SELLERS, Key=KEY, Body=genuine, ContentType="image/jpeg")
        iam.create_user(UserName=PARTNER)
        key = iam.create_access_key(UserName=PARTNER)["AccessKey"]
        _as_partner(key).put_object(Bucket=SELLERS, Key=KEY, Body=synthetic, ContentType="image/jpeg")
    return genuine, str(key["AccessKeyId"])


def _as_partner(key: dict[str, Any]) -> Any:
    import boto3

    session = boto3.session.Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    return client("s3", session=session)


def restore(genuine: bytes) -> None:
    """Bring back the version that holds the ``genuine`` bytes.

    Raises:
        IncompleteError: there is none.
    """
    s3 = client("s3")
    with aws_errors("restore the genuine picture"):
        for version in s3.list_object_versions(Bucket=SELLERS, Prefix=KEY)["Versions"]:
            source = {"Bucket": SELLERS, "Key": KEY, "VersionId": version["VersionId"]}
            if s3.get_object(**source)["Body"].read() == genuine:
                s3.copy_object(Bucket=SELLERS, Key=KEY, CopySource=source)
                return
    raise IncompleteError(f"no version of {KEY} holds the genuine picture")
