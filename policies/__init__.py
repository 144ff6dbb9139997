"""How configuration shows what is true: rules written once, run before merge and at run time."""
