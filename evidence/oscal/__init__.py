"""OSCAL 1.2: the controls, how they are assessed, what came of it and what is to be mended, for tools that read NIST's formats."""
