"""What was seen, unforgeably: collectors, the ledger, the package, and the sinks.

What stands beside its folders are the facts: ``record``; ``attestations`` of people, with ``questionnaire`` and ``answers`` for those who fill in a
workbook, whose texts ``cells`` makes fit; runs of ``claims``, with ``looks`` (those made before) and ``replay``. ``collectors`` fetch facts, the
``ledger`` keeps them in a store (``stores``), ``judging`` leads from them to the state of every control, ``reporting`` to what is shown of a period,
which ``package``, ``sinks``, ``oscal`` and ``plots`` write and hand on, and ``verification`` checks.
"""
