"""A period's evidence in one folder that a stranger can verify offline."""
