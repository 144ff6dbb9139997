"""Where a ledger's bytes live: a folder, or an S3 bucket."""
