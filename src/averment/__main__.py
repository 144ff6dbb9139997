"""``python -m averment`` is the same program as ``averment``."""

from averment.cli.main import main

if __name__ == "__main__":
    main()
