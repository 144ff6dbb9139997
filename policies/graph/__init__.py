"""The resource graph: the normal form that every surface builds and every rule reads.

Standard library only below this package, because the same code runs in the Lambda function; but for ``joined`` and what imports it, which only
surfaces do.
"""
