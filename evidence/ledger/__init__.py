"""The append-only log of records: Merkle tree (RFC 6962), tiles and checkpoints (C2SP), signed envelopes (DSSE)."""
