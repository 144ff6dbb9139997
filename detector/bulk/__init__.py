"""Scanning at size: what a place holds, what earlier runs found, how results are written, and many machines at once."""
