"""Incidents with synthetic media: what happened, what it rests on, what was decided, and by when. Every step is a record in the ledger.

- What is known: ``state``, out of the records; ``questions`` that are open, ``as_json``, ``words`` (the closed vocabularies).
- How grave, and by when: ``severity``, ``duties``, ``clocks``.
- Steps in words: ``steps``, which ``filing`` makes records of.
- Preserving: ``custody``, ``originals`` (where media lies), ``keeping`` (where copies go).
- Containing: ``containing``, by a ``measure``: those of single calls (``measures``) and runbooks (``runbook_measures``).
- Analysing: ``opinions``, ``likeness``, ``exposure`` with ``access_logs``.
- Papers: ``report`` and ``plan`` (with ``remedies``), written by ``document``.
"""
