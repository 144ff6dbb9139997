"""What was taken for media is said: a check that judged nothing must not look like a clean one."""

from pathlib import Path

from averment.controls.loader import load_catalogue
from averment.core.organisation import Organisation
from averment.core.scope import MediaMatcher, MediaRole, Scope
from averment.policies.engine import check
from averment.policies.rules.registry import all_rules

BUCKETS = """\
resource "aws_s3_bucket" "state" {
  bucket = "acme-terraform-state"
}
"""


def notes(folder: Path, text: str, scope: Scope | None = None) -> tuple[str, ...]:
    (folder / "main.tf").write_text(text)
    organisation = Organisation(scope=scope or Scope())
    return check([folder], all_rules(), organisation, load_catalogue()).notes


def test_no_media_bucket_is_said_and_how_to_name_one(tmp_path: Path) -> None:
    """Buckets, none of them media: the note says so and names the setting."""
    assert any("none of 1 S3 buckets is taken for media" in note and "scope.media" in note for note in notes(tmp_path, BUCKETS))


def test_guessed_media_buckets_are_counted_by_role(tmp_path: Path) -> None:
    """With the default patterns the guess is stated."""
    text = BUCKETS + 'resource "aws_s3_bucket" "uploads" {\n  bucket = "acme-user-uploads"\n}\n'
    assert any("1 of 2 S3 buckets are taken for media" in note and "1 upload" in note for note in notes(tmp_path, text))


def test_an_exact_scope_needs_no_note(tmp_path: Path) -> None:
    """Whoever has said which buckets hold media isn't told again."""
    scope = Scope(media=(MediaMatcher(MediaRole.UPLOAD, {}, ("acme-*",)),))
    assert not any("taken for media" in note for note in notes(tmp_path, BUCKETS, scope))


def test_an_exact_scope_that_names_none_of_them_is_said(tmp_path: Path) -> None:
    """A name that was mistyped in averment.yaml: nothing was judged as media, and the check was silent and clean."""
    scope = Scope(media=(MediaMatcher(MediaRole.UPLOAD, {}, ("shop-*",)),))
    assert any("none of 1 S3 buckets is taken for media" in note for note in notes(tmp_path, BUCKETS, scope))
