"""Systems Manager Automation: runbooks checked as the service checks them, and executed step by step against the embedded AWS."""
