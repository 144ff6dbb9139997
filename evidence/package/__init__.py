"""A period's evidence in one folder that a stranger can verify offline.

- ``layout`` says what lies where, ``write`` writes it into a ``folder``; ``readme`` and ``guide`` are pages, ``standalone`` the script that goes with it.
- ``verify`` verifies one (each step ``guarded``, with its ``keys``), reading by ``files`` and ``zip_bytes``, with what is ``handed_over``; ``earlier`` is one to compare with, ``record`` one record.
"""
