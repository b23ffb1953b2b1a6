"""PySceneDetect's adaptive detector on a film, as its documentation shows it: defaults throughout.

    python -m benchmarks.peer_shots FILM

Default backend (OpenCV), default downscaling. Prints the number of scenes as JSON.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    """The command."""
    import scenedetect

    scenes = scenedetect.detect(sys.argv[1], scenedetect.AdaptiveDetector())
    print(json.dumps({"scenes": len(scenes), "version": scenedetect.__version__}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
