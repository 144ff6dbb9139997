"""Redaction at collection: what goes, what stays, and that it is counted."""

from __future__ import annotations

import ipaddress
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from averment.evidence.collectors.redact import is_cut, redact

PLAIN = [
    "AWS::S3::Bucket",
    "arn:aws:s3:::shop-media/a.jpg",
    "arn:aws:iam::123456789012:role/x",
    "2026-11-23T07:11:24Z",
    "12:30:45",
    "version 1.2.3",
    "sha256:ab12cd",
    "0.0.0.0/0 and ::/0 may read",
    "user at example.com",
    "score 0.25.",
    "a::b::c",
    "std::vector",
    "module 'vpc' comes from git::git@github.com:shop/modules.git//vpc?ref=v1 or ssh://git@gitlab.shop.example/modules.git",
]

HIDDEN = [
    ("mail ada.b+x@mail.example.co.uk now", "mail [e-mail address] now", {"e-mail address": 1}),
    ("203.0.113.9", "[IP address]", {"IP address": 1}),
    ("from 203.0.113.9:443, 198.51.100.1.", "from [IP address]:443, [IP address].", {"IP address": 2}),
    ("2001:db8::1 and [2001:db8:0:1:1:1:1:1]", "[IP address] and [[IP address]]", {"IP address": 2}),
    ("::ffff:203.0.113.9", "[IP address]", {"IP address": 1}),
    (
        "info@bücher.example, jörg@example.de and d'arcy@example.org",
        "[e-mail address], [e-mail address] and [e-mail address]",
        {"e-mail address": 3},
    ),
    ("uploads/ada%40example.com_203.0.113.9_1.jpg", "uploads/[e-mail address]_[IP address]_1.jpg", {"e-mail address": 1, "IP address": 1}),
    ("ada@xn--bcher-kva.xn--p1ai and log_2001:db8::1_", "[e-mail address] and log_[IP address]_", {"e-mail address": 1, "IP address": 1}),
    ("digit@example.com, x.git@example.com", "[e-mail address], [e-mail address]", {"e-mail address": 2}),
    ("me@2x.png.example.com, me@2x.pngs.example", "[e-mail address], [e-mail address]", {"e-mail address": 2}),
    ("uploads/ada@example.com/203.0.113.9.jpg", "uploads/[e-mail address]/[IP address].jpg", {"e-mail address": 1, "IP address": 1}),
]


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_looks_like_an_address_stays(text: str) -> None:
    """Types, ARNs, times, versions and "from anywhere" are evidence and not a person's."""
    hidden: dict[str, int] = {}
    assert redact(text, hidden, accounts=None) == text
    assert hidden == {}


@pytest.mark.parametrize(("text", "clean", "counts"), HIDDEN)
def test_addresses_go_and_are_counted(text: str, clean: str, counts: dict[str, int]) -> None:
    """E-mail and IP addresses of both versions are replaced, with how many there were."""
    hidden: dict[str, int] = {}
    assert redact(text, hidden, accounts=None) == clean
    assert hidden == counts


def test_accounts_keep_their_last_digits_where_asked() -> None:
    """Ids in ARNs and known ids anywhere are hidden; other numbers of twelve digits stay."""
    hidden: dict[str, int] = {}
    value = {
        "arn": "arn:aws:s3:eu-west-1:999988887777:accesspoint/x",
        "list": ["111122223333", 123456789012, "555566667777"],
        "111122223333": None,
    }
    assert redact(value, hidden, accounts=("111122223333",)) == {
        "arn": "arn:aws:s3:eu-west-1:********7777:accesspoint/x",
        "list": ["********3333", 123456789012, "555566667777"],
        "********3333": None,
    }
    assert hidden == {"account id": 3}


def test_what_a_caller_has_to_know_is_no_evidence() -> None:
    """A bucket's policy lets in who sends a secret as referer or user agent: the record went with it into every package."""
    hidden: dict[str, int] = {}
    policy = {"StringEquals": {"aws:Referer": ["s3cret", "old"], "AWS:UserAgent": "s3cret", "aws:PrincipalOrgID": "o-1"}}
    clean = redact(policy, hidden, accounts=None)
    header = "[value of a request header]"
    assert clean == {"StringEquals": {"aws:Referer": header, "AWS:UserAgent": header, "aws:PrincipalOrgID": "o-1"}}
    assert hidden == {"value of a request header": 2}
    assert redact(clean, hidden, accounts=None) == clean


RANDOM = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v2"

SECRETS = [
    *(
        (start + RANDOM[:length], "[secret]")
        for start, length in (
            ("ghp_", 36),
            ("github_pat_", 30),
            ("glpat-", 20),
            ("xoxb-12345678901-", 24),
            ("xapp-1-", 30),
            ("sk_live_", 24),
            ("whsec_", 32),
            ("sk-proj-", 44),
            ("sk-ant-api03-", 44),
            ("sk-", 40),
            ("xoxo-123456789012-", 24),
            ("AIza", 35),
            ("ya29.", 40),
            ("npm_", 36),
            ("pypi-AgEIcHlwaS5vcmcC", 44),
            ("hvs.", 40),
            (f"SG.{RANDOM[:22]}.", 43),
        )
    ),
    ("hf_" + "abcdefghijklmnopqrstuvwxyzABCDEFGH", "[secret]"),
    ("shpat_" + "0a" * 16 + ", dop_v1_" + "0a" * 32, "[secret], [secret]"),
    ("AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" + "QPZRY9X8GF2TVDW0S3JN54KHCE", "[secret]"),
    ("session eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN ended", "session [secret] ended"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- and", "[secret] and"),
    ("-----BEGIN PRIVATE KEY-----\nMIIE, cut off", "[secret]"),
    ("postgres://app:hunter2@db.example.com:5432/x", "postgres://[secret]@db.example.com:5432/x"),
    ("https://hooks.slack.com/services/T00/B00/" + RANDOM, "https://hooks.slack.com/[secret]"),
    ("https://discord.com/api/webhooks/123456789012345678/" + RANDOM, "https://discord.com/api/webhooks/[secret]"),
    ("Authorization: Bearer " + RANDOM, "Authorization: Bearer [secret]"),
    ("Authorization: Bearer " + "abcdEFGHijklMNOPqrst", "Authorization: Bearer [secret]"),
    ("authorization: basic dXNlcjpodW50ZXIy", "authorization: basic [secret]"),
    ("failed: DB_PASSWORD=hunter22 app", "failed: DB_PASSWORD=[secret] app"),
    ("aws_secret_access_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_access_key: [secret]"),
    ('{"password": "hunter22", "user": "app"}', '{"password": "[secret]", "user": "app"}'),
    ("s3.example/k?X-Amz-Signature=fe5f80f7&X-Amz-Expires=60", "s3.example/k?X-Amz-Signature=[secret]&X-Amz-Expires=60"),
    ("?X-Amz-Security-Token=IQoJb3JpZ2lu", "?X-Amz-Security-Token=[secret]"),
    ("blob.example/c?sv=2020&sig=Zm9vYmFy%3D&se=2026", "blob.example/c?sv=2020&sig=[secret]&se=2026"),
    ("AccountKey=abcd1234efgh==;Endpoint=x", "AccountKey=[secret];Endpoint=x"),
]


@pytest.mark.parametrize(("text", "clean"), SECRETS)
def test_secrets_go_whatever_text_they_stand_in(text: str, clean: str) -> None:
    """A presigned address in a statement, a runbook's failure, a report's words: the ledger forgets nothing, and packages hand it on."""
    hidden: dict[str, int] = {}
    assert redact({"message": [text]}, hidden, accounts=None) == {"message": [clean]}
    assert hidden == {"secret": clean.count("[secret]")}
    assert redact(clean, {}, accounts=None) == clean
    assert is_cut(clean)


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-password-AbCdEf",
        "AWS::SecretsManager::Secret",
        "the token: not found; password: rotated yearly",
        "secret=arn:aws:secretsmanager:eu-west-1:111122223333:secret:x",
        "DB_PASSWORD=${var.password}",
        'metadata_options { http_tokens = "required" } uses token=required',
        "sha256:" + "ab" * 32,
        'access_key = "AKIAIOSFODNN7EXAMPLE", aws_access_key=ASIAIOSFODNN7EXAMPLE',
        "called by AKIAIOSFODNN7EXAMPLE; bearer tokens are refused, basic authentication is off",
        "enable_key_rotation = true, key rotation is disabled",
        "s3://shop-media/sk-IE/hf_/gh.jpg",
        "sk-zimna-bunda-modra-velkost-xl-predny-pohlad-01.jpg; xoxo-valentines-card-2026.jpg; xoxo-2026-valentines-card.jpg",
        "Basic responsibilities of the bearer authentication-and-authorisation team",
        "media/hero@2x.png and hero%403x.jpg or hero@1.5x.webp",
    ],
)
def test_what_only_speaks_of_secrets_stays(text: str) -> None:
    """Names of secrets, where they are kept, and digests are evidence."""
    assert redact(text, {}, accounts=None) == text


@pytest.mark.parametrize(
    "text",
    [
        "a_" * 50_000 + "=",
        "://" + "a:" * 50_000,
        "password=" * 20_000,
        "eyJaaaaaaaaaa." * 10_000,
        ("-eyJ" * 1_900 + "." + "-eyJ" * 7_900) * 30,
    ],
)
def test_a_name_made_to_look_like_secrets_holds_nobody_up(text: str) -> None:
    """Whoever uploads chooses the name."""
    began = time.process_time()
    redact(text, {}, accounts=None)
    assert time.process_time() - began < 5


def test_names_that_become_the_same_stay_two() -> None:
    """A count by caller, of whom two are called by their addresses: one took the other's place, and its count was gone."""
    callers = {"arn:aws:iam::1:user/ada@example.com": 3, "arn:aws:iam::1:user/bob@example.com": 5, "arn:aws:iam::1:role/x": 1}
    clean = {"arn:aws:iam::1:user/[e-mail address]": 3, "arn:aws:iam::1:user/[e-mail address] (2)": 5, "arn:aws:iam::1:role/x": 1}
    assert redact(callers, {}, accounts=None) == clean
    assert redact(clean, {}, accounts=None) == clean


@settings(deadline=None)
@given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.text("abc /,;()", max_size=5), st.text(" /,;()", max_size=5))
def test_no_address_survives_between_other_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address, before: str, after: str) -> None:
    """Any address that stands by itself goes, whatever its version; nobody's addresses stay."""
    text = f"{before} {address} {after}"
    clean = redact(text, {}, accounts=None)
    assert (str(address) in clean.split()) == (str(address) in {"0.0.0.0", "::", "255.255.255.255"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@settings(deadline=None)
@given(json_values)
def test_redacting_again_changes_nothing(value: object) -> None:
    """Any JSON value keeps its shape, and what was redacted once is clean."""
    once = redact(value, {}, accounts=("123456789012",))
    hidden: dict[str, int] = {}
    assert redact(once, hidden, accounts=("123456789012",)) == once
    json.dumps(once)


def test_a_name_of_colons_holds_nobody_up() -> None:
    """Whoever uploads chooses the name: a thousand colons took half a minute, and so many as here more than anybody has. An address beside them still goes."""
    hidden: dict[str, int] = {}
    colons = ":" * 50_000
    assert redact(f"uploads/{colons}g/2001:db8::1.jpg", hidden, accounts=None) == f"uploads/{colons}g/[IP address].jpg"
    assert hidden == {"IP address": 1}
