"""The rules brought to an account: the function's bundle, conformance packs, the stack around them, and their deployment.

What is built here is plain data (bytes, templates, text); only ``deploy`` and ``steps`` talk to AWS.
"""
