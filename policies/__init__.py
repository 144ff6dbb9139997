"""How configuration shows what is true: rules written once, run before merge and at run time.

- What is read: ``surfaces`` make a ``graph`` of it; ``iam`` says what its policies allow.
- What is asked: ``rules``, by ``interface``; ``predicates`` for those that are conditions alone, ``guard`` for those as text of AWS Config.
- A check: ``job`` (as it is asked for), ``engine``, ``judging``; ``narrow`` with ``baseline`` and ``changed``; ``waivers``. What it
  tells besides: ``remarks``. ``cache`` remembers, ``report`` shows, ``fixing`` mends.
- Rules of one's own: ``own_rules``, ``new_rule``, and ``casefile`` for everybody's cases.
- At run time: ``runtime``, brought there by ``deployment``.
- ``survey`` looks at a repository before anybody has said anything.
"""
