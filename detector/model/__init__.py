"""The reference model: ``reference.onnx``, ``lock.json`` (what it is and what was measured), ``CARD.md`` (the same for people), ``card.cdx.json``
(for machines), and what it is made with: ``data.csv``, with its sheets ``DATASHEET.md`` and ``croissant.json``."""
