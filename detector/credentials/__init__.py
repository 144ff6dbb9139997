"""Content credentials (C2PA): signing generated media, and saying what a credential is worth."""
