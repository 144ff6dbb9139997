"""AWS Config's configuration items. ``surface`` reads them, ``items`` makes resources of them, ``paths`` says where each spelling of a setting lies.

``types`` knows which resource types AWS Config records and how; ``recorded`` turns what it records of each into the shape that rules read.
"""
