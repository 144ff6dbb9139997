"""What is done about a finding: blueprints to deploy, and runbooks that a person starts."""
