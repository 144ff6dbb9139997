"""Where the images come from: what an attribution and a data sheet say of each source.

What stands here was read from the sources' own pages and licences; counts and hashes are not here but in the manifests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One source. ``origin`` says how its images came to be, ``purpose`` what they were published for, ``people`` whom they show and on what
    ground; ``changed`` what was done before this project had them (empty: nothing). ``doi`` may be empty."""

    title: str
    creators: str
    terms: str
    origin: str
    purpose: str
    people: str
    doi: str = ""
    changed: str = ""

    @property
    def attribution(self) -> str:
        """One line for a table of attributions."""
        place = f" (doi:{self.doi})" if self.doi else ""
        return f"{self.creators}: {self.title}{place}. {self.terms} {self.people}"


SOURCES: Mapping[str, Source] = {
    "london": Source(
        title="Face Research Lab London Set",
        creators="DeBruine, L. and Jones, B.",
        doi="10.6084/m9.figshare.5047666",
        terms="CC BY 4.0. Changed: cropped, reduced, recompressed.",
        origin="102 people photographed in a studio in London, each neutral and smiling, from the front",
        purpose="research on faces",
        people="Adults, with signed consent.",
        changed="resized to 768 pixels (Lanczos), JPEG quality 95",
    ),
    "congress": Source(
        title="Official portraits of members of the US Congress",
        creators="United States Congress; collected by the project unitedstates/images",
        terms="Public domain.",
        origin="official portraits, one a member, published at 225 x 275 pixels",
        purpose="to show who represents whom",
        people="Members of Congress, in their official portraits.",
    ),
    "sfhq_t2i": Source(
        title="SFHQ-T2I",
        creators="Beniaguev, D.",
        terms="MIT licence.",
        origin="portraits made by SDXL and FLUX.1 (schnell, dev, pro) from written prompts, as the data set's figures show them",
        purpose="a data set of faces that are nobody's",
        people="No such person exists.",
        changed="tiles cut out of the figures, JPEG quality 90; the generator was read from each figure's caption",
    ),
    "clothing": Source(
        title="Clothing dataset (small)",
        creators="Grigorev, A.",
        terms="CC0 1.0.",
        origin="clothes, photographed with people's phones",
        purpose="the classification of clothes",
        people="Nobody is shown, as far as a face finder tells.",
    ),
    "grocery": Source(
        title="Grocery Store Dataset",
        creators="Klasson, M.",
        terms="MIT licence.",
        origin="fruit, vegetables and packages photographed with phones in shops",
        purpose="the recognition of groceries",
        people="Nobody is shown, as far as a face finder tells.",
    ),
}
"""By the folder that a source's images lie in."""
