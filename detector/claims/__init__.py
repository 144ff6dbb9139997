"""Claims: quantified statements, tested statistically: supported, refuted, or honestly left open."""
