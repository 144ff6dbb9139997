"""Where evidence is handed over to: the workbook, AWS Audit Manager, AWS Security Hub, an S3 bucket with Object Lock, and Parquet (``lake``)."""
