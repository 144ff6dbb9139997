"""Incidents with synthetic media: what happened, what it rests on, what was decided, and by when. Every step is a record in the ledger."""
