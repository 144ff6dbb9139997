"""``averment explain``: one way in for whoever has met an id, an article, a finding or a word and wants to know what it means."""
