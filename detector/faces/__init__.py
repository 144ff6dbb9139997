"""Where faces are in an image: what the manipulated-face family judges, and what people are shown."""
