"""Claims on the data that a detector is made or measured with.

```yaml
type: data-governance
population: reference-corpus     # a manifest (CSV); a folder or a bucket says nothing of its media
where: {split: train}            # optional: only rows with these values
at_least: 1                      # optional: the share of the checks that has to hold
checks: [manifest, hashes]       # optional: only these; by default all
columns: [file, sha256, label]   # optional: what every row has to fill
licences: [MIT, CC0-1.0]         # optional: what is allowed; by default what the reference detector may be trained on
consent: [given, public-office]  # optional: what counts in the column `consent`
people: {kind: face, label: real}  # optional: which rows show real people
complete: false                  # optional: the manifest may leave images of its folder out; by default it names them all
group: group                     # optional: the column of independent units (person, video, source)
split: split                     # optional: the column of the parts that have to be kept apart
parts: [train, test]             # optional: its values, each and no other; by default any, at least two
distance: 24                     # optional: differing bits, of 256, up to which two images are near-duplicates
balance: {label: 0.2}            # optional: the smallest share of the media for each value of a column
subgroups: {label: 10}           # optional: the fewest independent units for each value of a column
```

The checks:

- **manifest**: every row fills the columns, and no image lies in the manifest's folder that it doesn't name (unless ``complete`` is false
  or ``where`` narrows the rows). An image is what is called one (``frame.SUFFIXES``) or begins like one, whatever it is called; links are followed
  as far as ``data_files`` says.
- **hashes**: every file is there, and its SHA-256 is the manifest's.
- **licences**: every row has an allowed one.
- **consent**: every row that shows a real person states a ground that counts. Where no row is one that ``people`` describes, nobody can tell; nor of a
  row without a ground of which a column of ``people`` says nothing, or the word in other letters, or a label that is none; nor of a manipulated
  picture, which still shows whom it was made from.
- **splits**: no group stands on two sides of the split. Open where there are no two sides (unless ``parts`` says that there
  is one), or a row has no group or no side.
- **duplicates**: no two images of different groups, or of different parts, are the same picture but for size and compression, and no file has two labels;
  open where two of them show too little to be told apart (one colour, a gradient) and aren't the same bytes.
- **balance**, **subgroups**: no value of a column is too rare, by share of media and by independent units. What never occurs can't be rare: open
  where a column has fewer than two values (``label``: not both real media and attacks), where a row has none, and for subgroups where a row has
  no group.

What the manifest says of licences and consent is taken at its word: the check shows that it is said, and of each file.
Article 10 of Regulation (EU) 2024/1689 has the list that these come from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.detector.claims import checks, data_files, duplicates
from averment.detector.claims.checks import Check, could_not, judged
from averment.detector.claims.data_statement import Statement, read
from averment.detector.claims.frame import ContentError, Flaw, Item, Population
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType
from averment.detector.claims.observing import ATTACK_LABELS, BONA_FIDE_LABEL
from averment.detector.claims.population_files import FilePopulation
from averment.detector.claims.populations import open_population
from averment.detector.claims.tables import called
from averment.detector.imaging import UnreadableError
from averment.detector.interface import Family

_FEW = 20
"""A column with more values than this isn't a class but a name."""

_UNSTATED = "none stated"


@dataclass
class Contents:
    """What reading every file told: those that aren't as described, those that can't be read, and of the others SHA-256 and perceptual hashes."""

    flawed: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    undecodable: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """What the checks look at: the statement, the rows, and what reading their files told."""

    statement: Statement
    population: Population
    contents: Contents

    @property
    def items(self) -> tuple[Item, ...]:
        """The rows of the manifest, in order of the file's name."""
        return self.population.items

    def has(self, column: str) -> bool:
        """Whether the manifest has the column."""
        return all(column in item.labels for item in self.items)

    def group(self, item: Item) -> str:
        """The independent unit that an item belongs to; the item itself where the manifest names none."""
        return called(item.labels.get(self.statement.group, "")) or item.name

    def part(self, item: Item) -> str:
        """The part of the split that an item is of; "" where the manifest names none."""
        return called(item.labels.get(self.statement.split, ""))


class DataGovernanceClaim(ClaimType):
    """Manifest, hashes, licences, consent, splits, near-duplicates, balance."""

    name = "data-governance"

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        return checks.plan_of(str(read(spec)), "media of the manifest")

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        population = open_population(statement.population, context)
        if not population.labelled and len(population):
            raise BadInputError(
                f"the population '{population.name}' is no manifest: nothing says where its media come from",
                where=SourceRef(population.where),
                fix=f"write a CSV with columns {', '.join(statement.columns)}",
            )
        return judge(statement, population, context.seed)


def judge(statement: Statement, population: Population, seed: int) -> ClaimResult:
    """The claim's result for a ``population`` that is open already; ``seed`` is recorded and decides nothing.

    Raises:
        MissingExtraError: imagehash isn't installed, and near-duplicates are asked for.
    """
    rows = population.only(statement.where)
    subject = Subject(statement, rows, _read_all(rows, hashed="duplicates" in statement.checks))
    made = [MAKERS[name](subject) for name in statement.checks]
    return checks.result_of(
        DataGovernanceClaim.name,
        str(statement),
        statement.bar,
        made,
        samples=len(rows),
        clusters=len({subject.group(item) for item in rows.items}),
        seed=seed,
        inputs=rows.facts(),
        details={"composition": _composition(subject)},
    )


def _read_all(population: Population, *, hashed: bool) -> Contents:
    """Read every file once, one at a time; images are decoded only for their perceptual hash."""
    found = Contents()
    hashed = hashed and len(population) <= duplicates.MAX_COMPARED
    for item in population.items:
        try:
            data = population.read(item)
        except ContentError as error:
            (found.unread if error.flaw is Flaw.UNREADABLE else found.flawed)[item.name] = error.reason
            continue
        if data is None:
            found.unread[item.name] = "could not be read"
        elif hashed:
            try:
                found.hashes[item.name], found.digests[item.name] = duplicates.perceptual_hash(data), sha256_hex(data)
            except UnreadableError as error:
                found.undecodable[item.name] = str(error)
    return found


def _manifest(subject: Subject) -> Check:
    columns, items = subject.statement.columns, subject.items
    broken = []
    for item in items:
        empty = [column for column in columns if not item.labels.get(column, "").strip()]
        if empty:
            broken.append(f"{item.name}: no {', '.join(empty)}")
    words = f"every row fills {', '.join(columns)}"
    unnamed, unsearched = list[str](), list[str]()
    # A ``where`` narrows the rows, not the folder, and an incomplete manifest is meant to be one: of either nothing of the kind is said.
    if subject.statement.complete and not subject.statement.where:
        if isinstance(subject.population, FilePopulation) and items:
            try:
                unnamed, unsearched = data_files.unnamed(subject.population)
            except IncompleteError:
                return could_not("manifest", "the manifest's folder could not be searched for images that it doesn't name")
        broken += [f"{name}: not in the manifest" for name in unnamed]
        words += ", and no image lies beside them unnamed"
    undecided = [f"{name}: a link to a folder that no row's file lies in, which was not searched" for name in unsearched]
    return judged("manifest", len(items) + len(unnamed) + len(unsearched), broken, undecided, words)


def _hashes(subject: Subject) -> Check:
    contents, items = subject.contents, subject.items
    unhashed = [f"{item.name}: no SHA-256 in the manifest" for item in items if not item.identity and item.name not in contents.flawed]
    broken = [f"{name}: {reason}" for name, reason in contents.flawed.items()]
    unread = [f"{name}: {reason}" for name, reason in contents.unread.items()]
    return judged("hashes", len(items), [*broken, *unhashed], unread, "every file is there, with the SHA-256 that the manifest gives it")


def _licences(subject: Subject) -> Check:
    if not subject.has("licence"):
        return Check("licences", checks.Outcome.BROKEN, "the manifest has no column 'licence'", len(subject.items), len(subject.items))
    allowed = subject.statement.licences
    broken = [f"{i.name}: {i.labels['licence'] or 'none stated'}" for i in subject.items if i.labels["licence"] not in allowed]
    counts = Counter(item.labels["licence"] for item in subject.items)
    words = f"every licence is one of {', '.join(sorted(allowed))}"
    return judged("licences", len(subject.items), broken, [], words, {"licences": dict(sorted(counts.items()))})


def _consent(subject: Subject) -> Check:
    people, grounds = subject.statement.people, subject.statement.consent
    missing = [column for column in people if not subject.has(column)]
    if missing:
        return could_not("consent", f"without the column {missing[0]} the manifest doesn't say which media show real people")
    unused = [f"{key} {value}" for key, value in people.items() if all(item.labels[key] != value for item in subject.items)]
    if unused:  # a word that the manifest doesn't use would let everybody pass unasked
        return could_not(
            "consent",
            f"no row has the {unused[0]}, so nothing says which media show real people; 'people' names the words, or leave it out of 'checks'",
        )
    shown = [item for item in subject.items if all(item.labels[key] == value for key, value in people.items())]
    unclear = {
        item.name: why for item in subject.items if item.labels.get("consent", "") not in grounds and (why := _unclear(item, people))
    }
    if not shown and not unclear:
        wanted = " and ".join(f"{key} {value}" for key, value in people.items())
        return could_not(
            "consent", f"no row has {wanted} together, so nobody was asked; name other words in 'people', or leave it out of 'checks'"
        )
    broken = [
        f"{item.name}: {item.labels.get('consent') or 'none stated'}" for item in shown if item.labels.get("consent", "") not in grounds
    ]
    counts = Counter(item.labels.get("consent", "") or "none stated" for item in shown)
    words = f"each picture of a real person states a ground ({', '.join(grounds)})"
    undecided = [f"{name}: {why}" for name, why in unclear.items()]
    return judged("consent", len(shown) + len(undecided), broken, undecided, words, {"grounds": dict(sorted(counts.items()))})


def _unclear(item: Item, people: Mapping[str, str]) -> str:
    """Why nobody can tell whether ``item`` is one of ``people``: no column says otherwise, and one is blank, writes the word in another way, or has a
    label that is none, or that of a manipulated picture, which still shows whom it was made from. "" where it is plain. Not asked, such rows would
    pass by how they are written."""
    labels = (BONA_FIDE_LABEL, *ATTACK_LABELS.values())
    reasons = []
    for column, wanted in people.items():
        value = item.labels[column]
        if value == wanted:
            continue
        if not value.strip():
            reasons.append(f"no {column}")
        elif called(value).casefold() == called(wanted).casefold():
            reasons.append(f"{column} {value!r}, which is not {wanted!r}")
        elif column == "label" and wanted == BONA_FIDE_LABEL and value == ATTACK_LABELS[Family.MANIPULATED_FACE]:
            reasons.append(f"{column} {value}, and it is made from somebody's picture")
        elif column == "label" and wanted in labels and value not in labels:
            reasons.append(f"{column} {value!r}, which is none of {', '.join(labels)}")
        else:
            return ""
    return f"{' and '.join(reasons)}, and no ground that counts" if reasons else ""


def _splits(subject: Subject) -> Check:
    group, split = subject.statement.group, subject.statement.split
    for column in (group, split):
        if not subject.has(column):
            return could_not("splits", f"the manifest has no column '{column}'")
    blank = [f"{item.name}: no {column}" for item in subject.items for column in (group, split) if not item.labels[column].strip()]
    sides: dict[str, set[str]] = defaultdict(set)
    for item in subject.items:
        if item.labels[group].strip() and item.labels[split].strip():
            sides[subject.group(item)].add(subject.part(item))
    broken = [f"{name}: in {' and '.join(sorted(parts))}" for name, parts in sorted(sides.items()) if len(parts) > 1]
    parts = Counter(subject.part(item) for item in subject.items)
    named = sorted(part for part in parts if part)
    expected = subject.statement.parts
    wrong = [f"{part}: no row is of this part" for part in expected if part not in named]
    wrong += [f"{part}: is none of the parts that the claim names" for part in named if expected and part not in expected]
    broken += wrong
    if len(named) < 2 and not broken and not expected:
        alone = f"one part alone, {named[0]}" if named else "no part"
        return could_not("splits", f"the column '{split}' names {alone}: nothing has to be kept apart; 'parts' says so if it is meant")
    words = f"no {group} stands in two of the parts {', '.join(named)}"
    return judged("splits", len(sides) + len(blank) + len(wrong), broken, blank, words, {"parts": dict(sorted(parts.items()))})


def _duplicates(subject: Subject) -> Check:
    statement, contents = subject.statement, subject.contents
    if len(subject.items) > duplicates.MAX_COMPARED:
        return could_not(
            "duplicates", f"{len(subject.items):,} images are more than {duplicates.MAX_COMPARED:,}; narrow the rows by 'where'"
        )
    if subject.items and len({(subject.group(item), subject.part(item)) for item in subject.items}) < 2:
        return could_not("duplicates", f"all is of one {statement.group}, so no two images are of different groups or parts to be compared")
    compared = [item for item in subject.items if item.name in contents.hashes]
    hashes = [contents.hashes[item.name] for item in compared]
    broken: list[str] = []
    plain = dict[str, str]()
    within = 0
    for first, second, bits in duplicates.near_pairs(hashes, statement.distance):
        one, other = compared[first], compared[second]
        same = contents.digests[one.name] == contents.digests[other.name]  # by what was read: not every manifest gives a SHA-256
        if same and one.labels.get("label") != other.labels.get("label"):
            broken.append(f"{one.name} and {other.name}: the same bytes, labelled {one.labels['label']} and {other.labels['label']}")
        elif subject.group(one) == subject.group(other) and subject.part(one) == subject.part(other):
            within += 1  # two frames of a video, two pictures of a person: what a group is for
        elif not same and all(duplicates.is_plain(int(hashes[place].sum())) for place in (first, second)):
            plain |= dict.fromkeys((one.name, other.name), duplicates.PLAIN)
        else:
            broken.append(f"{one.name} and {other.name}: {bits} of {duplicates.BITS} bits differ")
    unseen = {**plain, **contents.undecodable, **contents.unread, **contents.flawed}
    unknown = [f"{name}: {reason}" for name, reason in sorted(unseen.items())]
    words = f"no two images of different groups or parts differ in at most {statement.distance} of {duplicates.BITS} bits"
    return judged("duplicates", len(subject.items), broken, unknown, words, {"pairs_within_a_group": within})


def _balance(subject: Subject) -> Check:
    broken: list[str] = []
    undecided: list[str] = []
    figures: dict[str, dict[str, float]] = {}
    for column, bar in subject.statement.balance.items():
        if not subject.has(column):
            return could_not("balance", f"the manifest has no column '{column}'")
        counts = Counter(called(item.labels[column]) or _UNSTATED for item in subject.items)
        figures[column] = {value: count / len(subject.items) for value, count in sorted(counts.items())}
        broken += [f"{column} {value}: {share:.1%}, at least {bar:.1%}" for value, share in figures[column].items() if share < bar]
        undecided += _absent(column, counts)
    values = sum(len(shares) for shares in figures.values())
    if undecided and not broken:
        return could_not("balance", "; ".join(undecided))
    return judged("balance", values, broken, undecided, f"each value of {', '.join(figures)} has its share", {"shares": figures})


def _subgroups(subject: Subject) -> Check:
    broken: list[str] = []
    undecided: list[str] = []
    figures: dict[str, dict[str, int]] = {}
    for column, bar in subject.statement.subgroups.items():
        if not subject.has(column):
            return could_not("subgroups", f"the manifest has no column '{column}'")
        units: dict[str, set[str]] = defaultdict(set)
        for item in subject.items:
            units[called(item.labels[column]) or _UNSTATED].add(subject.group(item))
        figures[column] = {value: len(members) for value, members in sorted(units.items())}
        broken += [f"{column} {value}: {counted(count, 'unit')}, at least {bar}" for value, count in figures[column].items() if count < bar]
        undecided += _absent(column, Counter(called(item.labels[column]) or _UNSTATED for item in subject.items))
    group = subject.statement.group
    blank = sum(not item.labels.get(group, item.name).strip() for item in subject.items)
    if blank:
        undecided.append(f"{counted(blank, 'row')} {'has' if blank == 1 else 'have'} no {group}, so their independent units are not known")
    values = sum(len(counts) for counts in figures.values())
    if undecided and not broken:
        return could_not("subgroups", "; ".join(undecided))
    words = f"each value of {', '.join(figures)} has enough independent units"
    return judged("subgroups", values, broken, undecided, words, {"units": figures})


def _absent(column: str, counts: Mapping[str, int]) -> list[str]:
    """Why shares of the values that occur say nothing: those that should be there and aren't have no row to be counted by."""
    named = sorted(value for value in counts if value != _UNSTATED)
    reasons = []
    if column == "label" and not (BONA_FIDE_LABEL in named and set(ATTACK_LABELS.values()) & set(named)):
        both = f"{BONA_FIDE_LABEL} and {' or '.join(ATTACK_LABELS.values())}"
        reasons.append(f"the column label has {', '.join(named) or 'no value'}, and not both classes, {both}")
    elif len(named) < 2:
        reasons.append(
            f"the column {column} has {f'one value alone, {named[0]}' if named else 'no value'}: there is nothing to weigh against"
        )
    if _UNSTATED in counts:
        reasons.append(f"{counted(counts[_UNSTATED], 'row')} {'has' if counts[_UNSTATED] == 1 else 'have'} no {column}")
    return reasons


MAKERS: Mapping[str, Callable[[Subject], Check]] = {
    "manifest": _manifest,
    "hashes": _hashes,
    "licences": _licences,
    "consent": _consent,
    "splits": _splits,
    "duplicates": _duplicates,
    "balance": _balance,
    "subgroups": _subgroups,
}
"""What makes each check, in the order of ``data_statement.CHECKS``."""


def _composition(subject: Subject) -> dict[str, dict[str, int]]:
    """How many media each value has, for the columns with few values: what the data are made of, for readers and plots."""

    counted: dict[str, dict[str, int]] = {}
    for column in sorted({key for item in subject.items for key in item.labels}):
        counts = Counter(item.labels.get(column) or _UNSTATED for item in subject.items)
        if len(counts) <= _FEW and len(counts) < len(subject.items):
            counted[column] = dict(sorted(counts.items()))
    return counted
