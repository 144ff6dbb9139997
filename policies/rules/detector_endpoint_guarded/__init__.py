"""The rule detector-endpoint-guarded: see the README beside it."""
