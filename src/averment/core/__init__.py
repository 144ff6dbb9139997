"""What every room of the house shares: words (verdicts, statuses), errors, places in sources, canonical bytes."""
