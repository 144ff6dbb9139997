"""Traces in text: lines of configuration and source code that show a service or a habit which matters to the controls.

A trace is a hint with a place, for a person to look at. It proves nothing, and that there is none proves nothing either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from averment.core.organisation import FILE_NAME
from averment.core.source import SourceRef
from averment.policies.surfaces.sniff import TEMPLATE_SUFFIXES

MAX_BYTES = 1024 * 1024
MAX_FILES = 20_000
SUFFIXES = frozenset(
    {".tf", ".tofu", ".hcl", ".tfvars", *TEMPLATE_SUFFIXES, ".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".tsx"}
    | {".go", ".java", ".kt", ".rb", ".php", ".cs", ".rs", ".swift", ".scala"}
)
_CONFIGURATION = frozenset({".tf", ".tofu", ".hcl", ".tfvars", *TEMPLATE_SUFFIXES, ".ts", ".toml"})
_APART = frozenset(
    {
        "test",
        "tests",
        "__tests__",
        "spec",
        "e2e",
        "fixtures",
        "mocks",
        "__mocks__",
        "docs",
        "vendor",
        "third_party",
        "site-packages",
        "dist",
    }
    | {"build", ".next", "coverage", "examples", ".github"}
)
"""Folders whose lines say nothing of what the organisation runs."""
_OURS = frozenset({FILE_NAME, "averment-baseline.json", ".pre-commit-config.yaml"})
"""What Averment or a person wrote *about* the code: a service that is named there is not a service in use."""
_REPORT = '"urn:averment:schema:'
"""So does a baseline or a report of a check begin, under whatever name it was kept."""
_LOCKS = frozenset({"package-lock.json", "yarn.lock", "pnpm-lock.yaml", "composer.lock", "npm-shrinkwrap.json"})


class Trace(StrEnum):
    """What a line may show."""

    PRESIGNED = "presigned uploads or downloads"
    CDN = "CloudFront"
    REKOGNITION = "Amazon Rekognition"
    FACES = "faces matched, searched or checked for liveness"
    ATTRIBUTES = "faces described (emotions, age, gender)"
    SAGEMAKER = "SageMaker endpoints"
    BEDROCK = "Amazon Bedrock"
    GENERATES = "models that make pictures or video"
    CREDENTIALS = "content credentials (C2PA)"


_PATTERNS: dict[Trace, str] = {
    Trace.PRESIGNED: r"generate_presigned_(?:url|post)|createPresignedPost|s3-request-presigner|S3Presigner|PresignPutObject|GeneratePresignedUrl"
    r"|presigned_(?:post|url)\(|create_presigned",
    Trace.CDN: r"aws_cloudfront_distribution|AWS::CloudFront::Distribution|aws-cloudfront['\"]|terraform-aws-modules/cloudfront",
    Trace.REKOGNITION: r"rekognition[:.(]|client-rekognition|['\"]rekognition['\"]|RekognitionClient|AWS::Rekognition|aws_rekognition_|AmazonRekognition",
    Trace.FACES: r"CompareFaces|compare_faces|compareFaces|SearchFacesByImage|search_faces_by_image|SearchUsersByImage|IndexFaces|index_faces"
    r"|FaceLiveness|face_liveness",
    Trace.ATTRIBUTES: r"(?:Attributes|attributes)\W{1,6}(?:ALL|EMOTIONS|AGE_RANGE|GENDER)\b",
    Trace.SAGEMAKER: r"aws_sagemaker_endpoint\b|AWS::SageMaker::Endpoint\b|sagemaker:InvokeEndpoint|sagemaker-runtime|InvokeEndpointCommand",
    Trace.BEDROCK: r"bedrock-runtime|bedrock:(?:Invoke|Converse|\*)|BedrockRuntime|AWS::Bedrock|aws_bedrock",
    Trace.GENERATES: r"titan-image|nova-canvas|nova-reel|stability\.(?:stable|sd|stability)|stable-diffusion|StableDiffusion|luma\.ray|FLUX\.1|dall-e-[23]|gpt-image",
    Trace.CREDENTIALS: r"\bc2pa\b|contentauth",
}
_COMPILED = {trace: re.compile(pattern) for trace, pattern in _PATTERNS.items()}
_ANY = re.compile("|".join(_PATTERNS.values()))
_REGION = re.compile(r"(?i:region)\w{0,60}[\"']?\s*[:=]\s*\[?\s*[\"']?((?:us|eu|eusc|ap|ca|cn|sa|me|af|il|mx)(?:-gov)?(?:-[a-z]+)+-\d)\b")
_ACCOUNT = re.compile(r"\barn:aws[\w-]*:[\w-]*:[\w-]*:(?!000000000000|123456789012|111122223333)(\d{12}):")
"""The account in an ARN, but for those of documentation and tests."""


@dataclass
class Traces:
    """What was seen: by trace its places in order, regions and accounts with their first place, and how many files were looked at.

    ``unread`` names files that could not be read, or says that there were too many.
    """

    seen: dict[Trace, list[SourceRef]] = field(default_factory=dict)
    regions: dict[str, SourceRef] = field(default_factory=dict)
    accounts: dict[str, SourceRef] = field(default_factory=dict)
    files: int = 0
    unread: list[str] = field(default_factory=list)


def traces(files: Iterable[Path], root: Path) -> Traces:
    """Look through ``files`` below ``root``, one line each trace; tests, examples, documentation and built code are passed over."""
    found = Traces()
    files = list(files)
    written = _written(files)
    for path in files:
        if path.suffix not in SUFFIXES or path.name in _LOCKS | _OURS or _apart(path, root) or not written.isdisjoint(path.parents):
            continue
        if found.files >= MAX_FILES:
            found.unread.append(f"there are more than {MAX_FILES:,} files; the rest was not searched for services")
            break
        text = _text(path, found)
        if text is not None and _REPORT not in text[:100]:
            found.files += 1
            _look(text, path, found)
    return found


def _written(files: Iterable[Path]) -> set[Path]:
    """The folders that Averment wrote, by what lies in them: packages of evidence, sites. Their words come from the code beside them."""
    names = {path for path in files if path.name in {"MANIFEST.json", "MANIFEST.sig", ".averment-site"}}
    packages = {path.parent for path in names if path.name == "MANIFEST.json" and path.with_name("MANIFEST.sig") in names}
    return packages | {path.parent for path in names if path.name == ".averment-site"}


def _apart(path: Path, root: Path) -> bool:
    folders = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    return any(folder in _APART for folder in folders)


def _text(path: Path, found: Traces) -> str | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except OSError as error:
        found.unread.append(f"{path}: {error.strerror}")
        return None
    if b"\0" in data[:1024]:
        return None  # data, or something built
    if len(data) > MAX_BYTES:
        found.unread.append(f"{path}: larger than {MAX_BYTES:,} bytes")
        return None
    return data.decode("utf-8", errors="replace")


def _look(text: str, path: Path, found: Traces) -> None:
    if _ANY.search(text):
        for trace, where in _first_lines(text, path):
            found.seen.setdefault(trace, []).append(where)
    if path.suffix not in _CONFIGURATION:
        return
    for names, pattern in ((found.regions, _REGION), (found.accounts, _ACCOUNT)):
        for match in pattern.finditer(text):
            names.setdefault(match[1], SourceRef(str(path), text.count("\n", 0, match.start()) + 1))


def _first_lines(text: str, path: Path) -> Iterator[tuple[Trace, SourceRef]]:
    for trace, pattern in _COMPILED.items():
        if match := pattern.search(text):
            yield trace, SourceRef(str(path), text.count("\n", 0, match.start()) + 1)
