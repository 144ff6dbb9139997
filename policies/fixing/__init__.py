"""Mechanical fixes: where a change goes in the text, and writing it."""
