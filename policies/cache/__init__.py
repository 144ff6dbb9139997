"""What earlier checks found, kept for as long as nothing that they looked at has changed.

1. ``core.observer`` notes, while a configuration is read, every question that was asked of the file system, and its answer.
2. ``conditions``: everything else that a finding hangs on: program, libraries, rules, scope, parameters.
3. ``codec``: what the rules said of a unit, as JSON and back.
4. ``store``: bundles of bytes in a folder that nobody else can write.
5. ``memory``: the units of one path, recalled if every answer is still the same.

Kept is what rules say, before waivers, baseline and thresholds. See ``docs/adr/0006``.
"""
