"""The governance site: the state of every control, the law behind it, and the evidence, as pages that work offline.

- Gathering: ``data``, ``history`` (earlier moments), ``shipped``, ``about`` (the documentation), ``package``, ``services``, ``lists``.
- Who may see what: ``levels``, ``redaction`` and ``scrub`` with ``names``, and ``leaks``, the last look.
- Writing: ``build``, ``pages``, ``navigation``, ``words``, ``plots``; ``snapshots`` are quarters that stay, ``serve`` shows the site here.
"""
