"""Collectors: each fetches the facts of one source over a period, and never judges them."""
