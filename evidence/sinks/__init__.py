"""Where evidence is handed over to: the workbook, AWS Audit Manager."""
