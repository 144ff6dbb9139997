"""YAML is read with lines, within bounds, and without surprises."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from averment.core.errors import BadInputError
from averment.core.located import load_yaml, parse_yaml

scalars = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")))
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", min_size=1), inner, max_size=4), max_leaves=20
)


@given(documents)
def test_values_are_what_pyyaml_reads(value: object) -> None:
    """The located parser adds lines and changes no value."""
    assert parse_yaml(yaml.safe_dump(value), "x.yaml").value == value


def test_each_path_has_its_line() -> None:
    """An error about a value names the line of its key."""
    document = parse_yaml("a: 1\nb:\n  - x\n  - c: 2\n", "x.yaml")
    assert str(document.where(("b", 1, "c"))) == "x.yaml:4"
    assert str(document.where(("b", 1, "missing"))) == "x.yaml:4"
    assert str(document.where(("nowhere",))) == "x.yaml:1"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: 1\na: 2\n", "the key 'a' stands twice", 2),
        ("a: [1\n", "is not valid YAML", 2),
        ("a: !!python/object/apply:os.system [id]\n", "is not valid YAML", 1),
        ("a: 1\n---\nb: 2\n", "is not valid YAML", 2),
        ("x\ty: \x07", "is not valid YAML", None),
    ],
)
def test_bad_yaml_names_the_line(text: str, message: str, line: int | None) -> None:
    """Each kind of broken document gives one error with its place."""
    with pytest.raises(BadInputError) as caught:
        parse_yaml(text, "x.yaml")
    assert message in caught.value.message
    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_an_alias_bomb_is_refused() -> None:
    """Nine levels of nine aliases would be 387 million values."""
    levels = ["l0: &l0 [x,x,x,x,x,x,x,x,x]"] + [f"l{n}: &l{n} [{','.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(BadInputError, match="too many values"):
        parse_yaml("\n".join(levels), "bomb.yaml")


def test_a_cycle_and_deep_nesting_are_refused() -> None:
    """A document that contains itself, and one 100,000 brackets deep, are errors and not crashes."""
    with pytest.raises(BadInputError, match="contains itself"):
        parse_yaml("a: &a [*a]", "cycle.yaml")
    with pytest.raises(BadInputError, match="deeper than"):
        parse_yaml("[" * 100_000, "deep.yaml")


def test_invalid_utf8_names_the_line(tmp_path: Path) -> None:
    """A Latin-1 file is refused with the line of the first bad byte."""
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(BadInputError) as caught:
        load_yaml(path)
    assert caught.value.where is not None
    assert caught.value.where.line == 2


def test_days_stay_text() -> None:
    """`until: 2026-12-31` is the text that was written, so that the schema can check it."""
    assert parse_yaml("until: 2026-12-31", "x.yaml").value == {"until": "2026-12-31"}
