"""Where evidence is handed over to: AWS Audit Manager, AWS Security Hub, an S3 bucket with Object Lock, and Parquet (``lake``).

``interface`` says what a sink is. A plan of what a service should hold is pure (``audit_manager_plan``, ``security_hub_findings``). The ``workbook`` with
its ``sheets`` is a form of the report, which packages hold.
"""
