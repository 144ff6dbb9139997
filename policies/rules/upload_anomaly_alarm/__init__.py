"""The rule upload-anomaly-alarm: see the README beside it."""
