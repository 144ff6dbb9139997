"""Averment: policy as code and provable evidence for synthetic-media risk on AWS.

An averment is a statement that one offers to prove. The package is one import name over one folder
per domain: ``core`` (vocabulary and plumbing), ``controls``, ``policies``, ``detector``,
``evidence``, ``governance``, ``api`` and ``cli``; imports go one way, in that order. ``averment.api`` is what
programs may build on.
"""

__version__ = "0.1.0"
"""As in pyproject.toml (a test holds them together): looking it up costs a tenth of a short run."""

__all__ = ["__version__"]
