"""The governance site: the state of every control, the law behind it, and the evidence, as pages that work offline."""
