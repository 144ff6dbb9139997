"""The rule media-bucket-hardened: see the README beside it."""
