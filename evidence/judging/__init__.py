"""From records to the state of every control.

- Which records count: ``decisive`` and ``lately`` (of a long ledger), ``sampled`` (what a sample can show); ``ahead`` of this clock none does,
  and those from ``outside`` of the scope don't.
- What one says: ``readers``, a reader a kind; ``expectations`` for a figure against its bar.
- What several say: ``judges``, in ``places`` and ``repositories``, of which one says nothing of another; ``waived`` accepts deviations.
- ``assess`` puts all of it together into ``states``; ``since`` when they are so, ``by_account`` where.
"""
