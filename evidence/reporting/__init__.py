"""From records and states to what is shown of a period.

- ``reading`` goes through a ledger once; ``report`` is the value that everything is written from, ``rows`` are its tables.
- What it shows besides: ``action`` (what is to be done), ``changes``, ``drift`` (code beside deployment), ``operation`` (over the time), ``samples``,
  ``unseen`` (when nobody looked).
- Forms of rows: ``plain`` (as JSON), ``spool`` (on disk).
"""
