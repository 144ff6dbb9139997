"""The rule quarantine-not-served: see the README beside it."""
