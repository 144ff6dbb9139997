"""What was seen, unforgeably: collectors, the ledger, the package, and the sinks.

- Facts stand beside the folders: ``record``; ``attestations`` of people, with ``questionnaire`` and ``answers`` for those who fill in a workbook, whose
  texts ``cells`` makes fit; runs of ``claims``, with ``looks`` (those made before) and ``replay``.
- ``collectors`` fetch facts, the ``ledger`` keeps them in a store (``stores``), ``judging`` leads from them to the state of every control.
- ``reporting`` makes of both what is shown of a period; ``package``, ``sinks``, ``oscal`` and ``plots`` write it and hand it on; ``verification`` checks.
"""
