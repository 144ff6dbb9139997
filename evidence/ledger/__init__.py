"""The append-only log of records: Merkle tree (RFC 6962), tiles and checkpoints (C2SP), signed envelopes (DSSE).

What lies in a ledger's store:
  checkpoint             the signed head: origin, number of entries, root (C2SP tlog-checkpoint); the only thing that is published
  tile/<level>/...       hashes of the tree, 256 to a tile; tile/entries/... the entries (C2SP tlog-tiles)
  blobs/<xx>/<sha256>    payloads of records that are too large for an entry
  keys/<id>.vkey, .pub.pem   the log's public keys
  signatures/<sha256>    notes signed in the log's name over packages' manifests
  timestamps/<sha256>.tsr    tokens of a timestamp authority over checkpoints (RFC 3161)
  intent, staging/       what a writer is about to publish; see ``log``. Of one that was killed, the next removes what it staged; a blob
                         that it wrote may stay, which the same record takes up when it is appended again
A directory also holds ``.index.sqlite`` (a cache), lock files, and ``.tmp/``.
"""
