"""What was seen, unforgeably: collectors, the ledger, the package, and the sinks."""
