"""Where the real films, labels and weights lie that tests marked `real` need."""

import os
from pathlib import Path

REAL = Path(os.environ.get("CINELAKE_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
