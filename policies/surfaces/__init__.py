"""Surfaces: what turns an input into graphs, one file each; the registry names them."""
