"""The rules at run time: one Lambda function behind custom rules of AWS Config.

Below this package only the standard library, boto3, and Averment's rules are imported: it travels in a bundle.
"""
