"""What we say and do about it: frameworks and dates, remediation, reports, the documentation site."""
