"""What must be true: control definitions, their schema, their loader, and the crosswalk to law and standards.

- What a control is: ``model``, ``describe`` (in words and as JSON).
- Reading: ``documents`` (what ships, once), ``loader`` with ``assessments``, ``frameworks``, ``overlay`` (tailoring), ``oscal_import``.
- The law: ``binding`` (whom it binds, from when), ``crosswalk``, ``deadlines``. ``lint`` asks whether everything is implemented.
"""
