"""What every verification shares (steps, what is left open, third parties), and those of a whole ledger and of a single record."""
