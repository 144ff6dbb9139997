"""The reference model: ``reference.onnx``, ``lock.json`` (what it is and what was measured), ``CARD.md`` (the same for people)."""
