"""What a checked path may lead to: the checkout around it, told by what people have at its top."""

from __future__ import annotations

from pathlib import Path

from averment.core.repository import repository_around


def test_a_git_checkout_goes_before_the_organisations_file_and_that_before_the_folder(tmp_path: Path) -> None:
    """A source unpacked without ``.git`` is bounded by its averment.yaml; one inside a checkout doesn't narrow it; without both, the folder."""
    deep = tmp_path / "repository" / "environments" / "prod"
    deep.mkdir(parents=True)
    (deep / "main.tf").touch()
    assert repository_around(deep) == repository_around(deep / "main.tf") == deep.resolve()
    (deep.parent / "averment.yaml").touch()
    assert repository_around(deep) == deep.parent.resolve()
    (tmp_path / "repository" / ".git").mkdir()
    assert repository_around(deep) == (tmp_path / "repository").resolve()


def test_a_link_belongs_to_where_it_leads(tmp_path: Path) -> None:
    """A link out of the checkout isn't a way to widen it."""
    (tmp_path / "in" / ".git").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "way").symlink_to(tmp_path / "out")
    assert repository_around(tmp_path / "in" / "way") == (tmp_path / "out").resolve()
