"""OSCAL 1.2: the controls, how they are assessed, what came of it and what is to be mended, for tools that read NIST's formats.

A module a document: ``catalog``, ``components``, ``plan``, ``results``, ``poam``; ``write`` makes all of them. They share ``parts`` and ``findings``, and
``check`` sees what no schema does.
"""
