"""The rule face-match-needs-liveness: see the README beside it."""
