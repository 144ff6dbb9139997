"""The rule media-access-logged: see the README beside it."""
