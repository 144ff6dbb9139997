"""Conditions on the properties of one resource, as data: a rule that is nothing but such conditions states them once.

Out of them come the verdict (``evaluate``) and, where AWS Config records every property, a Guard 2 rule (``averment.policies.guard``).
"""
