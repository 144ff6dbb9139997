"""The rule unscanned-not-readable: see the README beside it."""
