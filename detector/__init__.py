"""How media shows what is true: the reference detector, content credentials, claims, and the media gate."""
