"""The rules, each in a folder of its own. ``averment.policies.rules.registry`` lists them."""
