"""Plots of claims as SVG, drawn from what their records hold: the same record gives the same bytes."""
