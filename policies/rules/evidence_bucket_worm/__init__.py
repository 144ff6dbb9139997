"""The rule evidence-bucket-worm: see the README beside it."""
