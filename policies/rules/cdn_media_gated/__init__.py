"""The rule cdn-media-gated: see the README beside it."""
