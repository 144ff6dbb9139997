"""What was seen, unforgeably: collectors, the ledger, the package, and the sinks.

Each of those is a folder. What stands beside them leads from facts to states and rows:

- Facts: ``record``; ``attestations`` of people, with ``questionnaire`` and ``answers`` for those who fill in a workbook; runs of ``claims``, with
  ``looks`` (those made before) and ``replay``.
- Judging: ``reading``, ``decisive``, ``lately`` and ``sampled`` (which records count), ``readers`` (what a payload says), ``judges`` and ``expectations``,
  ``places`` and ``repositories`` (for how much it speaks), ``waived``, and ``assess``, which puts all of it together into ``states``.
- A period's ``report``, its ``rows``, and what else it shows: ``action``, ``changes``, ``drift``, ``operation``, ``samples``, ``since``. ``plain``,
  ``cells`` and ``spool`` are forms of rows: as JSON, in a workbook, on disk.
"""
