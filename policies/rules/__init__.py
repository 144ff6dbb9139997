"""The rules, each in a folder of its own. ``averment.policies.rules.registry`` lists them; the modules beside them are what several rules ask."""
