"""The rule media-bucket-events-scanned: see the README beside it."""
