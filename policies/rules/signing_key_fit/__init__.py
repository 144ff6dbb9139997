"""The rule signing-key-fit: see the README beside it."""
