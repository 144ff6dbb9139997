"""The media gate: what stands between an upload and the public. Closed by default: what has no verdict is not published."""
