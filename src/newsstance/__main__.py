"""``python -m newsstance``."""

import sys

from newsstance.commands.main import main

sys.exit(main())
