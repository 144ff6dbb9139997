"""What IAM policy documents allow, to whom, and under which conditions: only as much of IAM as the rules ask about.

Every answer is three-valued: True, False, or an ``Unknown`` with its reason.
"""
