"""A module as it is called, and what it may read: its folder, its children, its data sources."""
