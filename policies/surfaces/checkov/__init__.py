"""Checkov as a surface: the same rules as custom checks, for people who stay with Checkov, and Checkov run in process.

Checkov pins an old boto3 and is slow to import, so nothing outside of this package imports it.
"""
