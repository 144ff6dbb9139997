"""Which rules come out as Guard 2, which don't and why, and what the text looks like.

Origin of the data: the shipped rules, and rules written for these tests.
"""

from __future__ import annotations

from dataclasses import replace

import botocore.session
import pytest

from averment import __version__
from averment.core.errors import BadInputError
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.core.words import Severity
from averment.policies.guard.emit import MESSAGES, POLICY_LIMIT, RUNTIME, guard_text, refusal
from averment.policies.guard.syntax import NotGuard2Error, check_guard2
from averment.policies.interface import PASS, Rule
from averment.policies.predicates.evaluate import Stated
from averment.policies.predicates.language import ALWAYS, AnyOf, Condition, Demand, HoldsMedia, Is, Matches, NamedBy, Not, Predicate, Text
from averment.policies.rules.registry import all_rules, rule
from averment.policies.surfaces.config.items import read_item
from averment.policies.surfaces.config.paths import ITEM_PATHS, UNLISTED, UNRECORDED
from averment.policies.surfaces.config.surface import resources_of

MODEL, BUCKET = "AWS::SageMaker::Model", "AWS::S3::Bucket"
SAID = Scope(media=(MediaMatcher(MediaRole.UPLOAD, {"data-class": "ugc"}, ("acme-uploads",)),))


def stated(kind: str, holds: Condition, asks: Condition = ALWAYS, says: str = "no") -> Rule:
    evaluate = Stated((Predicate(kind, ((Demand(holds, says, "not resolved"),),), asks),))
    return Rule("made-up", "Made up", Severity.LOW, (kind,), evaluate, "-")


def service_model() -> botocore.model.ServiceModel:
    return botocore.session.get_session().get_service_model("config")


def test_every_rule_is_emitted_or_refused_with_a_reason():
    """The whole table. A rule that changes sides, or reads something more, shows here."""
    refused = {entry.id: refusal(entry, Scope()) for entry in all_rules()}
    assert [name for name, why in refused.items() if why is None] == ["detector-endpoint-guarded"]
    forms = ("needs policy documents (", "reads neighbours: AWS::", "judges what AWS Config has no items of: AWS::", "is about source code")
    for name, why in refused.items():
        told = why is None or all(part.startswith(forms) for part in why.split("; it "))
        assert told, f"{name} {why}: state it as predicates, or let forms here take in that it isn't"
    assert {name for name, why in refused.items() if (why or "").startswith("is about")} == {
        "face-attributes-limited",
        "face-call-after-liveness",
        "face-match-threshold",
    }
    assert refused["cdn-media-gated"] == "reads neighbours: AWS::S3::Bucket, AWS::CloudFront::OriginAccessControl"
    assert "key policies" in (refused["signing-key-fit"] or "")
    assert refused["media-bucket-hardened"] == "needs policy documents (bucket policies): Guard 2 has no json_parse"
    assert "judges what AWS Config has no items of: AWS::SageMaker::Endpoint, " in (refused["inference-cost-watched"] or "")


def test_the_text_is_within_what_config_takes_and_names_its_rule():
    """Limits and fields by botocore's model of the service; the head leads back to rule, control and version."""
    emitted = guard_text(rule("detector-endpoint-guarded"), Scope(), {}, ["SM-DET-03"])
    details = service_model().shape_for("CustomPolicyDetails").members
    assert details["PolicyText"].metadata["max"] == POLICY_LIMIT >= len(emitted.text)
    assert details["PolicyRuntime"].metadata["pattern"].replace("\\", "") == RUNTIME
    assert set(emitted.message_types) <= set(service_model().shape_for("MessageType").enum)
    assert emitted.message_types == MESSAGES
    assert emitted.text.startswith(f"# detector-endpoint-guarded (SM-DET-03), averment {__version__}\n")
    assert emitted.resource_types == ("AWS::SageMaker::EndpointConfig", MODEL)
    assert emitted.unlisted == ("AWS::SageMaker::EndpointConfig",)
    assert emitted == guard_text(rule("detector-endpoint-guarded"), Scope(), {}, ["SM-DET-03"])


@pytest.mark.parametrize(
    ("subject", "scope", "parameters", "why"),
    [
        (
            stated(MODEL, Text(("Unheard",))),
            Scope(),
            {},
            "needs Unheard of AWS::SageMaker::Model, which AWS Config doesn't record as it is",
        ),
        (
            stated("AWS::SNS::Topic", Text(("TopicName",))),
            Scope(),
            {},
            "asks about AWS::SNS::Topic, and where its items keep what isn't known",
        ),
        (
            stated("AWS::Budgets::Budget", Text(("Budget",))),
            Scope(),
            {},
            "asks about AWS::Budgets::Budget, and AWS Config has no items of it",
        ),
        (stated(MODEL, Is(("ModelName",), "null")), Scope(), {}, "compares with 'null'"),
        (stated(MODEL, Matches(("ModelName",), r"(?=x)")), Scope(), {}, "which Guard may read otherwise"),
        (stated(MODEL, Matches(("ModelName",), r"\bx")), Scope(), {}, "which Guard may read otherwise"),
        (stated(MODEL, Matches(("ModelName",), "x++")), Scope(), {}, "which Guard may read otherwise"),
        (stated(MODEL, Matches(("ModelName",), "(x")), Scope(), {}, "can't be read"),
        (stated(MODEL, Matches(("ModelName",), "")), Scope(), {}, "looks for an empty pattern"),
        (stated(MODEL, Text(("ModelName",)), Not(Text(("VpcConfig",)))), Scope(), {}, "by a negation"),
        (stated(MODEL, Text(("ModelName",)), NamedBy(("ModelName",), "ours")), Scope(), {"ours": ["[z-a]"]}, "runs backwards"),
        (stated(MODEL, Text(("ModelName",)), NamedBy(("ModelName",), "ours")), Scope(), {"ours": ["x" * 9000, "y" * 2000]}, "takes 10,000"),
        (stated(MODEL, AnyOf(tuple(Text(("ModelName",)) for _ in range(20)))), Scope(), {}, None),
        (stated(MODEL, AnyOf(tuple(Matches(("ModelName",), f"x{n}") for n in range(9)))), Scope(), {}, "too many alternatives"),
        (stated(MODEL, Text(("ModelName",)), HoldsMedia()), SAID, {}, "which is known of buckets only"),
        (stated(BUCKET, Text(("BucketName",)), HoldsMedia()), Scope(), {}, "say so in averment.yaml"),
        (Rule("x", "x", Severity.LOW, (BUCKET,), lambda *_: PASS, "-"), Scope(), {}, "is written as a function, not as predicates"),
        (replace(stated(MODEL, Text(("ModelName",))), id="when"), Scope(), {}, "is called when, which can't be the name of a rule there"),
        (replace(stated(MODEL, Text(("ModelName",))), id="9-lives"), Scope(), {}, "is called 9-lives"),
    ],
)
def test_what_guard_2_cannot_say_is_refused_with_its_reason(subject: Rule, scope: Scope, parameters: dict[str, object], why: str | None):
    """Nothing is left out of a text so that it fits: it is refused, as a reason and as an error with a way on."""
    said = refusal(subject, scope, parameters)
    if why is None:
        assert said is None
        return
    assert why in (said or "")
    with pytest.raises(BadInputError) as caught:
        guard_text(subject, scope, parameters)
    assert why in caught.value.message
    assert caught.value.fix


def test_messages_and_titles_can_t_end_what_they_stand_in():
    """A message with Guard's own marks in it, or with a line of its own, stays a message."""
    awkward = 'it says >> x exists << "\n} rule evil { # '
    emitted = guard_text(stated(MODEL, Text(("ModelName",)), says=awkward), Scope(), {}, ["SM\nrule x"])
    assert [line for line in emitted.text.splitlines() if line.startswith("rule ")] == ["rule made_up when"]
    assert all(line.count("<<") == line.count(">>") == 1 for line in emitted.text.splitlines() if "it says" in line)


@pytest.mark.parametrize("kind", sorted(ITEM_PATHS))
def test_each_path_leads_to_what_the_adapter_reads(kind: str):
    """A value at the item's path is the value of the property, so both sides of the merge ask about the same thing."""
    for name, place in ITEM_PATHS[kind].items():
        if name == "ProductionVariants" or name.startswith("ProductionVariants."):
            continue  # a list; see below
        value = True if "Block" in name and "." in name else "Enabled" if name.endswith("Status") else "text"
        if name == "PublicAccessBlockConfiguration":
            continue  # its flags are here one by one
        item = {
            "resourceType": kind,
            "resourceId": "x",
            "arn": "arn:aws:x:::x",
            "configuration": {"keyId": "k", "trailARN": "t", "EndpointConfigName": "e", "ModelName": "m"},
            "supplementaryConfiguration": {},
        }
        at = item
        *steps, last = place.split(".")
        for step in steps:
            at = at.setdefault(step, {})
        at[last] = value
        (resource, *_) = resources_of(read_item(item))
        assert resource.get(*name.split(".")) == value, name


def test_the_types_are_those_of_the_service():
    """What has paths is in the API's list of what a recorder takes, unless it is called unlisted, and never called unrecorded."""
    listed = set(service_model().shape_for("ResourceType").enum)
    assert set(ITEM_PATHS) - listed == UNLISTED
    assert UNRECORDED.isdisjoint(ITEM_PATHS)
    assert {"AWS::Budgets::Budget", "AWS::SageMaker::Endpoint"} <= UNRECORDED - listed


@pytest.mark.parametrize(
    "text",
    [
        "let x = configuration.a\nrule r when a exists { %x == 1 }",
        "rule r when a exists { let x = json_parse(configuration.policy) }",
        "rule r when a exists { count(configuration.a) == 1 }",
        "rule r when a exists { b == now() }",
        "rule r when a exists { b == regex_replace(c, /a/, 'x') }",
        "rule r when a exists { b > 1 }",
        "rule r when a exists { b IN r[1, 2] }",
        "rule r when a exists { b empty }",
        "rule r when a exists { b !empty }",
        "rule r when a exists { b is_bool }",
        "rule r when a exists { not b exists }",
        "rule r when a exists { some b[*].c == 1 }",
        "rule r when a exists { AWS::S3::Bucket { b exists } }",
        "rule r when a exists { other }",
        "rule r when a exists { b == /(?=x)y/ }",
        "rule r when a exists { b == /(a)\\1/ }",
        "rule r when a exists { b == /a\\/b/ }",
        "rule r when a exists { b == 'it' }",
        'rule r when a exists { b == "a\\"b" }',
        "rule r when a exists { b exists <<open }",
        "rule r { b exists }",
        "rule r when a exists { }",
        "rule r when a exists { b exists",
        "a exists",
        "",
    ],
)
def test_what_isn_t_known_guard_2_is_refused(text: str):
    """Guard 3's functions, variables, and whatever else the emitter doesn't write: an allow-list, with the line."""
    with pytest.raises(NotGuard2Error, match=r"^line \d"):
        check_guard2(text)


def test_what_the_emitter_writes_is_known():
    """The forms, all at once."""
    check_guard2(
        '# head\nrule r when\n  a IN ["x", 1]\n  b !exists or b not IN [true]\n  c.* exists\n{\n  a exists\n'
        '  when tags[ keys == "k" ] !empty d[ e !is_list e == "x" ] !empty { d !exists <<no d>> }\n  f[*].g == /(?si)^\\x2Fa\\d[^b]$/ or h is_struct <<m>>\n}\n'
    )
