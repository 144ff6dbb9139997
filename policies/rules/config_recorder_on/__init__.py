"""The rule config-recorder-on: see the README beside it."""
