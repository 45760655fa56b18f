"""The bundle's program `rareseg-app`: the window, or an engine where the first word is ``--engine``."""

import sys

from app.main import main

if __name__ == "__main__":
    sys.exit(main())
