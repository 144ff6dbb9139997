"""The rule upload-provenance-tagged: see the README beside it."""
