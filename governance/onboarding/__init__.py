"""The first minutes with Averment: what a repository and an account show, and what follows for ``averment.yaml``."""
