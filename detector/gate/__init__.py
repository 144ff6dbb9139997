"""The media gate: what stands between an upload and the public. Closed by default: what has no verdict is not published.

- Letting in: ``issuing`` (permissions to upload) and ``callers`` (who asks).
- Judging: ``ingest`` (the scan function), ``deferred`` and ``asking`` (what a request can't carry), ``events``, ``provenance``, ``verdict``,
  ``withholding`` (what follows when it must not be seen).
- People: ``case``, ``cases`` (the table of them), ``reviews``, ``review_function``, ``desks``, ``pseudonyms``.
- Letting out: ``delivery`` and ``edge`` (CloudFront), ``edge_cache``, ``seals``; ``sealing`` marks what the organisation generates itself.
- ``identity``: a gate of its own, for checks of liveness.
- Beneath them: ``settings``, ``store`` (S3), ``trusted_files``, ``verdict_log``.
"""
