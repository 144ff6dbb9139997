"""A data sheet that machines read: Croissant 1.0 (MLCommons), JSON-LD, with the vocabulary for responsible AI.

The tests read it back with mlcroissant, which validates it and loads the records through it.
"""

from __future__ import annotations

from collections.abc import Mapping

from averment import __version__
from averment.core.canonical import JSON
from averment.detector.corpus.sources import SOURCES
from averment.detector.sheets.facts import RELEASED, DataFacts
from averment.detector.sheets.words import BIASES, GAPS, HOME, LICENCES, USE, left_out_lines, preparation

_CR = "http://mlcommons.org/croissant/"
_TERMS = [
    "citeAs",
    "column",
    "equivalentProperty",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
]
_CONTEXT: Mapping[str, JSON] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": _CR,
    "rai": f"{_CR}RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}

_ABOUT: Mapping[str, str] = {
    "file": "Path of the image below the manifest's folder",
    "sha256": "SHA-256 of the image",
    "label": "real or synthetic",
    "kind": "face or product",
    "generator": "What made a synthetic image",
    "licence": "Under which it may be used",
    "attribution": "Whom to name",
    "consent": "The ground to use a real person's picture: given, or public-office; empty where no real person is shown",
    "group": "The independent unit: one person, one generated image, one product",
    "split": "The part that the image belongs to; a group stands in one alone",
    "unseen": "generator or source, where nothing of it was trained on",
    "processing": "What was done to the image",
    "source_file": "Its name in the collection",
}


def croissant(facts: DataFacts) -> dict[str, JSON]:
    """The sheet of ``facts`` as JSON-LD."""
    return {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": [f"{_CR}1.0", f"{_CR}RAI/1.0"],
        "name": facts.name,
        "description": f"{facts.title}. {facts.purpose}",
        "url": HOME,
        "version": __version__,
        "datePublished": RELEASED,
        "license": [LICENCES.get(licence, licence) for licence in facts.licences],
        "creator": {"@type": "sc:Organization", "name": "Averment", "url": HOME},
        "citeAs": "; ".join(SOURCES[name].attribution for name in facts.sources if name in SOURCES),
        "keywords": ["synthetic media", "detection", "provenance"],
        **_responsible(facts),
        "distribution": _distribution(facts),
        "recordSet": [*([_images()] if facts.shipped else []), _records(facts)],
    }


def _responsible(facts: DataFacts) -> dict[str, JSON]:
    people = facts.where(label="real", kind="face")
    origins = [f"{name}: {SOURCES[name].origin}" for name in facts.sources if name in SOURCES]
    return {
        "rai:dataCollection": "; ".join(origins),
        "rai:dataCollectionType": ["Secondary data analysis"],
        "rai:dataPreprocessingProtocol": preparation(facts),
        "rai:dataAnnotationProtocol": ["Labels are those of the sources: what a camera took is real, what a generator made is synthetic."],
        "rai:dataBiases": list(BIASES),
        "rai:dataUseCases": list(USE),
        "rai:dataLimitations": [*GAPS, *left_out_lines(facts)],
        "rai:personalSensitiveInformation": [
            f"Portraits of {facts.groups(people):,} real people ({len(people):,} images), adults; no names, no other attributes."
        ],
    }


def _distribution(facts: DataFacts) -> list[JSON]:
    manifest: dict[str, JSON] = {
        "@type": "cr:FileObject",
        "@id": "manifest",
        "name": facts.manifest,
        "description": "One row an image",
        "contentUrl": facts.manifest,
        "encodingFormat": "text/csv",
        "sha256": facts.sha256,
    }
    if not facts.shipped:
        return [manifest]
    images: dict[str, JSON] = {
        "@type": "cr:FileSet",
        "@id": "files",
        "name": "files",
        "description": "The images; the manifest has the SHA-256 of each",
        "encodingFormat": "image/jpeg",
        "includes": "images/*.jpg",
    }
    return [manifest, images]


def _images() -> dict[str, JSON]:
    def source(file_property: str) -> dict[str, JSON]:
        return {"fileSet": {"@id": "files"}, "extract": {"fileProperty": file_property}}

    return {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "key": {"@id": "images/file"},
        "field": [
            _field("images/file", "Path of the image", "sc:Text", source("fullpath")),
            _field("images/content", "The image", "sc:ImageObject", source("content")),
        ],
    }


def _records(facts: DataFacts) -> dict[str, JSON]:
    columns = list(facts.rows[0])
    fields: list[dict[str, JSON]] = []
    for column in columns:
        source: dict[str, JSON] = {"fileObject": {"@id": "manifest"}, "extract": {"column": column}}
        fields.append(_field(f"media/{column}", _ABOUT.get(column, column), "sc:Text", source))
    if facts.shipped:
        fields[columns.index("file")] |= {"references": {"field": {"@id": "images/file"}}}
    return {
        "@type": "cr:RecordSet",
        "@id": "media",
        "name": "media",
        "description": f"{len(facts.rows):,} images",
        "key": {"@id": "media/file"},
        "field": fields,
    }


def _field(identifier: str, about: str, kind: str, source: dict[str, JSON]) -> dict[str, JSON]:
    return {"@type": "cr:Field", "@id": identifier, "name": identifier, "description": about, "dataType": kind, "source": source}
