"""Rules as text for Guard 2, the language of AWS Config's custom policy rules: ``emit.guard_text`` and ``emit.refusal``.

The text is made from a rule's predicates, so what a rule demands is written once. A rule that Guard 2 can't state whole isn't emitted.
"""
