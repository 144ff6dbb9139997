"""Application source as a surface: Python, JavaScript and TypeScript that asks Amazon Rekognition about faces.

1. ``files``: which files are read at all (bounded; only those that mention Rekognition, and those that import them).
2. ``python``, ``javascript``: a parser each, into the language-neutral form of ``model``. Nothing is ever run.
3. ``names``, ``locate``: what a name stands for: a Rekognition client, a function or class of the project, somebody else's package.
4. ``reach``: which function asks Rekognition what (``apis``), and who calls whom, by name or by a table (``tables``); ``handlers``: which of
   them the infrastructure names.
5. ``paths``, ``state``: every call path from an entry point to a comparison of faces, and what it did about liveness before; ``levels``: how
   much of a liveness result each name on it is.
6. ``surface``, ``graphs``: one resource a function that asks Rekognition about faces, for the rules (``arguments``: the attributes it asks for).
"""
