"""Training of the reference detector: data, laundering, network, figures, export, card. Needs torch, in an environment of its own."""
