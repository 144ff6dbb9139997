"""AWS Config where moto's differs or ends: one module a concern, put together in ``config_service``.

Rules: ``rules`` (``definition`` checks them), ``guard``, ``evaluations`` (results in, compliance out), ``running`` and ``functions``
(rules on what is recorded), ``proactive``. Packs: ``packs``, ``template`` (what is in them), ``deployment``, ``pack_compliance``,
``remediation``, ``tags``. Resources: ``items`` and ``recordings``. Several accounts: ``organization``, ``aggregates``, ``accounts``.
What they know of an account and region is one ``state.State`` beside moto's back end.

Where AWS doesn't say what its service does, we assumed: a pack that failed can be put again and is then created; what fails while it is
deployed leaves nothing behind; a custom policy is non-compliant if any of its rules fails; names longer than the service model allows
are refused by every read that says so (64 characters in some, 128 in PutConfigRule).
"""
