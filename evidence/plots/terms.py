"""What the words of a claim mean, for readers who test no detectors themselves."""

from __future__ import annotations

import re

_MEANS = {
    "attack": "a medium that the detector is to find: generated, or manipulated",
    "bona fide": "a genuine medium",
    "AUC": "area under the ROC curve: how often an attack scores higher than a genuine medium; 0.5 is guessing, 1 is perfect",
    "ROC": "attacks that are found against genuine media that are flagged, at every threshold that could be chosen",
    "DET": "attacks that are missed against genuine media that are flagged, on a scale that spreads small rates",
    "TPR": "true positive rate: the share of attacks that are found",
    "FPR": "false positive rate: the share of genuine media that are flagged",
    "EER": "equal error rate: the rate at the threshold where as large a share of attacks is missed as of genuine media is flagged",
    "APCER": "the share of attacks taken for genuine at the detector's threshold, of the generator with the most of them (ISO/IEC 30107-3)",
    "BPCER": "the share of genuine media taken for attacks at the detector's threshold (ISO/IEC 30107-3)",
    "calibration": "whether of media with a probability of 80 % about 80 % are attacks; the error is how far off that is on average",
    "threshold": "the score from which on the detector takes a medium for an attack",
    "interval": "where the true figure lies with the confidence that is named, as far as a sample can tell",
    "independent unit": "media that stand and fall together, such as all pictures of one person, count as one",
    "look": "a test of the claim on data that it hadn't seen; the more looks, the stricter the bounds, or one would come out well by chance",
    "seed": "the number that the draws start from: with it anybody draws the same",
}


def explained(text: str) -> list[tuple[str, str]]:
    """The words in ``text`` that need it, each with what it means. The DET of a control's id is none of them."""
    return [(word, means) for word, means in _MEANS.items() if re.search(rf"(?<![\w-]){word}s?(?![\w-])", text)]
