"""AWS Config where moto's differs or ends: one module a concern, put together in ``config_service``.

``rules`` (definitions, ``definition`` checks them), ``evaluations`` (results in, compliance out), ``running`` (Guard and Lambda
rules on the recorded items), ``packs`` (``template`` reads what is in them), ``remediation``. What they know of an account and
region is one ``state.State`` beside moto's back end.
"""
