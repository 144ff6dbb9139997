"""CloudFormation, and what deploys as such a template. ``template`` is the way in.

- A file: ``parsing`` (YAML with CloudFormation's tags, JSON), ``places`` (lines and comments of it), ``units`` (templates that belong together).
- What it says: ``resolve`` (intrinsic functions, conditions, parameters), ``foreach`` (``Fn::ForEach``), ``stacks`` (nested stacks, imports
  between them).
- SAM: ``sam``, ``sam_connectors``, ``sam_policies``, ``sam_config``. The Serverless Framework: ``serverless_framework``, ``serverless_files``,
  ``serverless_variables``, ``serverless_extensions``, ``serverless_roles``. ``amplify``.
"""
