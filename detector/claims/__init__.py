"""Claims: quantified statements, tested statistically: supported, refuted, or honestly left open.

- The way in is ``run``; ``registry`` names the kinds of claim, ``interface`` says what one is.
- About a detector: ``performance``, ``robustness``, ``subgroups``, ``calibration``, ``drift``, ``latency``, ``reproducibility``. Beneath those:
  ``observing`` (a labelled population, scored), ``scores``, ``error_rates``, ``units``, ``answering``, ``timing``, ``transforms``, ``remarks``,
  ``environment``.
- About media: ``disclosure`` and ``watermark``, with ``coverage`` in common.
- About data: ``data_governance`` with ``data_statement``, ``data_files``, ``duplicates`` and ``checks``.
- What is looked at: ``populations`` (``population_files``, ``population_s3``), ``frame``, ``tables``, ``score_lines``.
- Statistics: ``statistics``, ``bounded``, ``suprema``, ``resampling``, ``metrics``, ``differences``, ``distances``; ``sequential`` for looking
  again.
- Telling: ``fields`` (a statement's fields, and its words), ``plots``, ``trace``.
- Not claims: ``thresholds`` (a threshold for one's own material), ``reference_scores`` (run at a release).
"""
