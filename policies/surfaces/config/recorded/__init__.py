"""From AWS Config's items to resources, by what is recorded: one module for each family of types."""
