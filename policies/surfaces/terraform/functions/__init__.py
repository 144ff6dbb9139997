"""Terraform's functions on evaluated values; ``table`` has them by name."""
