"""The rule face-attributes-limited: see the README beside it."""
