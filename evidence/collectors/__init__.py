"""Collectors: each fetches the facts of one source over a period, and never judges them.

The ``registry`` names them, ``run`` runs them, ``interface`` says what one is. Modules that are none serve several of them: ``accounts``,
``cloudtrail`` (beneath it ``trails`` and what begins with ``trail_``), ``media_objects``, ``named``, ``pace``, ``progress``, ``queues``,
``redact``, ``reports``, ``topics``.
"""
