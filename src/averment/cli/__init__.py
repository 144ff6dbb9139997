"""The command line: one module a command group, and a written-out registry in ``main``.

A module bears the name of its command; of a group that is large, or of an option that is, a further word: ``incident_media``, ``check_fix``. What
isn't a command serves them: ``lazy`` (groups that import late), ``common`` (files, catalogue, streams), ``manners`` (quiet, verbose, colours),
``streams``, ``console``, ``progress``, ``material`` (what is handed to receivers of evidence). ``demo``, ``drill``, ``explain``, ``jobs`` (programs for
clusters) and ``reference`` (the pages of commands and settings) are folders.
"""
