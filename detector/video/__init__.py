"""Video: frames of a clip, scored by any detector and put together into one finding for the clip.

1. ``lending``: the clip as a file on disk, wherever it lies; an object of S3 becomes a temporary file of bounded size.
2. ``edit_lists``, ``editions``: what the file says of which parts of it are shown.
3. ``decoder_child``: a program of its own that decodes some frames; it has bounds on memory and CPU time, and may crash. Its parts are ``surveys`` (what
   packets show), ``reader`` (the frame that is shown at a time), ``cuts`` (what an edit list leaves out), ``pictures`` (a frame as people see it),
   ``veils`` (the transparency of a WebM) and ``tones`` (high dynamic range).
4. ``frames``: runs that program and hands on what it says, a frame at a time.
5. ``tracks``: the same face in successive frames.
6. ``aggregate``: from the probabilities of frames to one of the clip.
7. ``scoring``: all of it, ``score_clip``.
"""
