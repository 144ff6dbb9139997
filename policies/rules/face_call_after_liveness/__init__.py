"""The rule face-call-after-liveness: see the README beside it."""
