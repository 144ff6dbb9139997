"""What every room of the house shares.

- What is said: ``words`` (verdicts, statuses), ``errors``, ``showing``, ``progress``, ``stopping``.
- Whose it is: ``organisation`` (averment.yaml), ``scope``, ``period``, ``regions``, ``repository``.
- Reading: ``files``, ``source`` (places), ``located`` and ``yaml_events``, ``schema``, ``observer``.
- Writing and keeping: ``canonical`` (the same facts, the same bytes), ``streamed_json``, ``tabular`` (CSV), ``signing``, ``database``, ``locking``, ``user_cache``.
- The world outside: ``aws``, ``fetch``, ``inventory`` and ``inventory_filter``, ``log_lines``, ``http``.
- The program itself: ``extras``, ``threads``.
"""
