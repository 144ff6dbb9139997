"""The rules at run time: one Lambda function behind custom rules of AWS Config.

What ``handler`` imports travels in a bundle: the standard library, boto3 and Averment's rules, no more. ``history`` stays behind, and judges what AWS
Config kept of a period.
"""
