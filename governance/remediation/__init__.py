"""What is done about a finding: runbooks that a person starts."""
