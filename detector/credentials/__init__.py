"""Content credentials (C2PA): signing generated media, and saying what a credential is worth.

- Signing: ``signing``, ``s3`` (objects), ``keys``, ``naming``, ``xmp``, ``authority`` (for tests); ``log`` is the provenance log, ``entries`` of it.
- Judging: ``inspect``, with ``chains``, ``ingredients`` and ``stamps``; beneath both ``formats``, ``containers``, ``wholeness``.
- When the credential is gone: ``recovery``; the mark is ``watermark``, in files ``marking``, by name ``scheme``.
"""
