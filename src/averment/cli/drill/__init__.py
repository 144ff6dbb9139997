"""``averment incident drill``: an incident played through on the embedded AWS, by the same steps as a real one."""
