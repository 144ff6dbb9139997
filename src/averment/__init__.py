"""Averment: policy as code and provable evidence for synthetic-media risk on AWS.

An averment is a statement that one offers to prove. The package is one import name over one folder
per domain: ``core`` (vocabulary and plumbing), ``controls``, ``policies``, ``detector``,
``evidence``, ``governance`` and ``cli``; imports go one way, in that order.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("averment")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
