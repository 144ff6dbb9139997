"""The rules at run time: one Lambda function behind custom rules of AWS Config.

What ``handler`` imports travels in a bundle: the standard library, boto3 and Averment's rules, no more. ``history`` stays behind, and judges what AWS
Config kept of a period. So do those that go the other way, from a template to what is deployed: ``deployment``, for AWS Config's proactive evaluation,
and ``items``, with which the tests hold each rule to one verdict on both sides of the merge.
"""
