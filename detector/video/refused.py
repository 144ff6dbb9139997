"""How the program that decodes says no."""


class RefusedError(Exception):
    """A clip, or a frame of it, can't be judged; the message is the reason."""


TRANSPARENT = "it is transparent, and what is shown depends on what it lies on"
