"""Video: frames of a clip, scored by any detector and put together into one finding for the clip.

1. ``lending``: the clip as a file on disk, wherever it lies; an object of S3 becomes a temporary file of bounded size.
2. ``decoder_child``: a program of its own that decodes some frames; it has bounds on memory and CPU time, and may crash.
3. ``frames``: runs that program and hands on what it says, a frame at a time.
4. ``tracks``: the same face in successive frames.
5. ``aggregate``: from the probabilities of frames to one of the clip.
6. ``scoring``: all of it, ``score_clip``.
"""
