"""How media shows what is true: the reference detector, content credentials, claims, and the media gate.

- Detectors: ``interface`` is the seam, ``opening`` finds what a user named; ``embedded`` is the one that ships (its ``model``, ``faces``,
  ``training``, ``sheets`` and ``corpus`` are folders), ``onnx_file``, ``remote`` and ``sagemaker`` are others.
- Bytes of strangers: ``sniffing``, ``decoding`` and ``imaging``, ``shown`` (whether people see what a detector reads); ``video`` has frames.
- Work: ``scanning``, ``bulk`` for much of it, ``explaining`` draws what was seen.
- As a service: ``serving`` (what is asked and answered), ``serving_http``, ``serving_server``, ``container``.
- ``credentials``, ``claims`` and the ``gate`` are rooms of their own.
"""
