"""The rule s3-put-object-gated: see the README beside it."""
