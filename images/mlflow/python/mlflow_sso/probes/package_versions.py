"""Prints the versions of the packages that the arguments name, as a list in their order."""

import importlib.metadata
import json
import sys

if __name__ == "__main__":
    print(json.dumps([importlib.metadata.version(name) for name in sys.argv[1:]]))
