"""`python -m modelseal` is the command `modelseal`."""

from __future__ import annotations

import sys

from modelseal._cli import main

if __name__ == "__main__":
    sys.exit(main())
