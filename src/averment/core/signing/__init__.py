"""Signing keys behind one interface: a local Ed25519 key, or an asymmetric key in AWS KMS."""
