"""What must be true: control definitions, their schema, their loader, and the crosswalk to law and standards."""
