"""The scenarios: a faked product picture through a partner's key, and a faked customer at checkout."""

from __future__ import annotations

from pathlib import Path

from averment.cli.drill.play import Game, Move, Scenario
from averment.cli.drill.world import COPY, EVIDENCE, LOGS, PARTNER, PICTURE, PUBLISHED, ROLE, VIEWS, World, build_world, smaller
from averment.core.aws import aws_errors, client, error_code
from averment.core.canonical import sha256_hex
from averment.core.errors import AvermentError, IncompleteError
from averment.core.period import iso
from averment.detector.opening import open_detector
from averment.governance.incidents.containing import contain
from averment.governance.incidents.custody import check_copies, preserve
from averment.governance.incidents.document import html
from averment.governance.incidents.exposure import exposure
from averment.governance.incidents.keeping import open_keep
from averment.governance.incidents.likeness import look_alikes
from averment.governance.incidents.measures import open_measure
from averment.governance.incidents.opinions import Opinion, opinion
from averment.governance.incidents.report import Head, after_action
from averment.governance.incidents.state import Incident
from averment.governance.incidents.steps import Lesson, Notification, Opening, Triage, close, notify, open_incident, recover, triage
from averment.governance.incidents.words import Answer, Decision, Standing

URL = f"s3://{PUBLISHED}/{PICTURE}"
YES, NO = Answer.YES, Answer.NO

_PICTURE_FACTS = {
    "third_party_access": YES,
    "personal_data_breached": NO,
    "notice_received": YES,
    "significant_incident": NO,
    "own_media_unmarked": NO,
    "high_risk_system": NO,
    "user_content_restricted": YES,
    "money_moved": NO,
    "crime_suspected": YES,
    "life_threatened": NO,
    "child_shown": NO,
}
_CHECKOUT_FACTS = {
    "personal_data_breached": YES,
    "processed_for_others": NO,
    "risk_unlikely": NO,
    "high_risk_to_people": YES,
    "significant_incident": NO,
    "own_media_unmarked": NO,
    "high_risk_system": NO,
    "user_content_restricted": NO,
    "third_party_access": NO,
    "notice_received": NO,
    "money_moved": YES,
    "crime_suspected": YES,
    "life_threatened": NO,
    "child_shown": NO,
}


def _prepare(game: Game) -> None:
    game.kept["world"] = build_world(game.now())


def _notice(game: Game) -> None:
    world: World = game.kept["world"]
    score = open_detector("embedded").score([world.fake])[0]
    said = f"{score.highest:.4f}" if score.highest is not None else f"it can't say ({score.cannot_say})"
    game.say(f"the detector's answer on what came in: {said}; a person reported it in any case")


def _open(game: Game) -> None:
    act = game.act("trust-and-safety")
    opening = Opening(
        "Drill: a fake is live on the shop's page", "A customer says that the picture is faked.", "a customer", act.at, (URL,)
    )
    game.append(open_incident(game.desk, act, opening))
    game.require(bool(game.incident().running), "every duty that may be due shows with its time before anything is known")


def _triage(game: Game, facts: dict[str, Answer], impact: str) -> None:
    decided = Triage(facts, "By what was seen in the first minutes of the drill.", impact, "public")
    game.append(triage(game.desk, game.incident(), game.act("security-operations"), decided))
    found = game.incident()
    reasons = "; ".join(found.events[-1].payload["rating"]["reasons"])
    game.require(found.severity is not None, f"the matrix gives the severity {found.severity}: {reasons}")
    due = [clock for clock in found.running if clock.standing is Standing.DUE]
    for clock in due:
        game.say(
            f"due: {clock.duty} ({clock.title}), {f'by {iso(clock.due_by)}' if clock.due_by else 'no hours named'}, decided by {clock.role}"
        )
    if not due:
        game.say("due: nothing")


def _reach(game: Game) -> None:
    contacts = game.desk.organisation.incidents.contacts
    wanted = sorted({"security-operations", "trust-and-safety", *(clock.role for clock in game.incident().running)})
    missing = [role for role in wanted if role not in contacts]
    game.require(
        not missing,
        "every role that acts or decides has a contact in averment.yaml (incidents.contacts)",
        otherwise=f"{', '.join(missing)} {'has' if len(missing) == 1 else 'have'} no contact in averment.yaml",
        fix=f"write incidents: {{contacts: {{{', '.join(f'{role}: ...' for role in missing)}}}}}",
    )


def _preserve(game: Game) -> None:
    world: World = game.kept["world"]
    act = game.act("security-operations")
    keep = open_keep(f"s3://{EVIDENCE}/incidents", Path(), 30, act.now)
    game.append(preserve(game.incident(), act, [URL], keep, because="Before it is taken down.", all_versions=True).record)
    items = game.incident().items.values()
    wanted = {sha256_hex(world.fake), sha256_hex(world.genuine)}
    game.require({item["sha256"] for item in items} == wanted, "every version was copied, byte for byte")
    game.require(all(_is_locked(str(item["stored"])) for item in items), "no copy can be removed: Object Lock refuses it")


def _is_locked(place: str) -> bool:
    bucket, _, rest = place.removeprefix("s3://").partition("/")
    key, _, version = rest.partition("?versionId=")
    try:
        with aws_errors("remove a copy, which must be refused"):
            client("s3").delete_object(Bucket=bucket, Key=key, VersionId=version)
    except AvermentError as error:
        return error_code(error) == "AccessDenied"
    return False


def _contain_picture(game: Game) -> None:
    world: World = game.kept["world"]
    measures = (f"hide-object={URL}", f"hide-object=s3://{PUBLISHED}/{COPY}", f"disable-key={PARTNER}/{world.key_id}")
    _apply(game, *measures, f"invalidate={world.distribution}:/media/{PICTURE},/media/{COPY}")
    game.require(all(_is_hidden(key) for key in (PICTURE, COPY)), "the picture and its thumbnail can't be read any more")


def _contain_checkout(game: Game) -> None:
    _apply(game, f"hide-object={URL}", f"revoke-sessions={ROLE}")
    game.require(_is_hidden(PICTURE), "the picture can't be read any more")


def _apply(game: Game, *texts: str) -> None:
    world: World = game.kept["world"]
    for text in texts:
        record = contain(game.incident(), game.act("security-operations"), open_measure(text), because="It is live.")
        game.append(record)
        target = str(record.payload["target"]).removesuffix(f"/{world.key_id}")  # a key's id belongs in no record, not even a made-up one
        done = f"{record.payload['measure']} of {target}: {record.payload['reason']}"
        game.require(record.payload["outcome"] in {"holds", "under-way"}, done)


def _is_hidden(key: str) -> bool:
    try:
        with aws_errors("read what was taken down, which must fail"):
            client("s3").get_object(Bucket=PUBLISHED, Key=key)
    except AvermentError as error:
        return error_code(error) == "NoSuchKey"
    return False


def _analyse(game: Game) -> None:
    act = game.act("trust-and-safety")
    found = game.incident()
    world: World = game.kept["world"]
    with aws_errors("lay a look-alike among stored media"):
        client("s3").put_object(Bucket=LOGS, Key="stored/again.jpg", Body=smaller(world.fake))
    alike = look_alikes(found, act, f"s3://{LOGS}/stored/")
    game.append(alike)
    game.require(len(alike.payload["matches"]) == 1, "a recompressed copy among stored media was found by its perceptual hash")
    seen = exposure(found, act, f"s3://{LOGS}/cdn/", path_prefix="/media")
    game.append(seen)
    served = max(int(row["served"]) for row in seen.payload["items"])
    game.require(served == VIEWS, f"the access log shows that it was served {VIEWS} times, to how many, and to nobody by name")
    fakes = [number for number, item in found.items.items() if item["sha256"] == sha256_hex(world.fake)]
    game.append(opinion(found, act, Opinion.SYNTHETIC, fakes, because="Two reviewers, apart, saw the same marks of generation."))
    checked = check_copies(found, act, because="After the analysis.")
    game.require(not (checked.changed or checked.unreadable), "the copies are unchanged after the analysis")


def _notify(game: Game) -> None:
    for clock in game.incident().running:
        due = clock.standing is Standing.DUE
        decision = Decision.SENT if due else Decision.NOT_DUE
        because = f"Drill: {'sent to nobody but this record' if due else 'its facts were answered no, or nobody could say more'}."
        decided = Notification(clock.duty, decision, because, receipt="drill" if due else None)
        game.append(notify(game.desk, game.incident(), game.act(clock.role), decided))
    found = game.incident()
    late = [made.duty for made in found.decisions.values() if made.in_time is False]
    game.require(
        not found.running, f"{len(found.decisions)} duties were decided on, and {_denied(found)} don't apply, each with its reason"
    )
    game.require(not late, "what was due was sent in time")


def _denied(incident: Incident) -> int:
    return sum(1 for clock in incident.clocks if clock.standing is Standing.NOT_APPLICABLE)


def _recover(game: Game) -> None:
    world: World = game.kept["world"]
    s3 = client("s3")
    with aws_errors("bring back the genuine picture"):
        listed = s3.list_object_versions(Bucket=PUBLISHED, Prefix=PICTURE)["Versions"]
        genuine = next(item["VersionId"] for item in listed if _body(item["VersionId"]) == world.genuine)
        s3.copy_object(Bucket=PUBLISHED, Key=PICTURE, CopySource={"Bucket": PUBLISHED, "Key": PICTURE, "VersionId": genuine})
        served = s3.get_object(Bucket=PUBLISHED, Key=PICTURE)["Body"].read()
    game.require(served == world.genuine, "the genuine version is served again")
    lesson = Lesson("The partner uploads through the API that scans", "platform-security", f"{game.now():%Y-%m-%d}")
    restored = "the picture's genuine version"
    game.append(
        recover(game.incident(), game.act("platform-delivery"), restored=restored, checked="read back and compared", lessons=[lesson])
    )


def _body(version: str) -> bytes:
    body: bytes = client("s3").get_object(Bucket=PUBLISHED, Key=PICTURE, VersionId=version)["Body"].read()
    return body


def _close(game: Game) -> None:
    game.append(close(game.incident(), game.act("security-operations"), cause="Drill: a partner's key was misused."))
    found = game.incident()
    game.require(not found.events[-1].payload["left_open"], "it could be closed with nothing owed")
    page = html(after_action(found, game.desk.organisation.name, Head("drill", len(found.events), "")))
    if found.id not in page:
        raise IncompleteError("the report doesn't name its incident")
    game.say(f"the after-action report has {len(found.events)} records behind it")


def _moves(facts: dict[str, Answer], impact: str, contains: str) -> tuple[Move, ...]:
    stop = _contain_picture if contains == "picture" else _contain_checkout
    return (
        Move("notice", "trust-and-safety", "A fake comes in and is noticed", _notice),
        Move("open", "trust-and-safety", "The incident is opened: awareness is on record, the clocks run", _open),
        Move(
            "triage", "security-operations", "The facts are answered; severity and clocks follow", lambda game: _triage(game, facts, impact)
        ),
        Move("reach", "security-operations", "Those who act and decide can be reached", _reach),
        Move("preserve", "security-operations", "Every version is copied under Object Lock", _preserve),
        Move("contain", "security-operations", "It is taken down, and the way in is closed", stop),
        Move("analyse", "trust-and-safety", "Look-alikes, exposure, a person's opinion", _analyse),
        Move("notify", "legal", "Each duty is decided on, also by a no", _notify),
        Move("recover", "platform-delivery", "The last verified version is back", _recover),
        Move("close", "security-operations", "It is closed, and the report is written", _close),
    )


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "product-picture", "A faked product picture slips in through a partner's key", _moves(_PICTURE_FACTS, "trust", "picture"), _prepare
    ),
    Scenario(
        "checkout",
        "A faked customer passes at checkout, and an account is taken over",
        _moves(_CHECKOUT_FACTS, "identity", "checkout"),
        _prepare,
    ),
)
"""Every scenario, written out."""
