"""The rule face-match-threshold: see the README beside it."""
