"""Surfaces: what turns an input into graphs. The ``registry`` names them, and ``load_graphs`` there is the one way in.

- Terraform: ``terraform`` (configurations), ``plan`` with ``plan_computed``, ``plan_configuration``, ``plan_missing`` and ``plan_regions``.
- ``cloudformation``, and what deploys as such a template: SAM, the Serverless Framework, Amplify.
- ``config``: what AWS Config recorded.
- Source code: ``code``; ``function_code``, ``service_calls`` and ``states`` (Step Functions) add to the other graphs what functions, APIs
  and state machines do.
- ``checkov``: the same rules inside Checkov.
- Finding what to read, and what it is: ``walk``, ``sniff``, ``units``, ``unsynthesised``, ``submodules``, ``sparse``; ``loosely``, where types may
  be others. Places in files: ``lined``, ``comments``.
"""
