"""Prints how many bytes this container's processes keep in unnamed files."""

import json
import os
import pathlib
import stat


def spooled(processes=pathlib.Path("/proc")):
    """The sum over all such files; counts a file once, however many descriptors it has."""
    sizes = {}
    for descriptor in processes.glob("[0-9]*/fd/*"):
        try:
            seen = os.stat(descriptor)
        except OSError:
            continue  # closed in the meantime
        if stat.S_ISREG(seen.st_mode) and seen.st_nlink == 0:
            sizes[seen.st_dev, seen.st_ino] = seen.st_size
    return sum(sizes.values())


if __name__ == "__main__":
    print(json.dumps({"bytes": spooled()}))
