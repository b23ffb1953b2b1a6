"""`python -m cinelake.manifest --schema`: the JSON Schema of a manifest, for editors."""

import sys

from cinelake.manifest.document import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
