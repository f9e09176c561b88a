"""Prints how many bytes the processes of this container keep in files without a name, as JSON."""

import json
import os
import pathlib
import stat

kept = {}
for descriptor in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
    try:
        seen = os.stat(descriptor)
    except OSError:
        continue  # gone in between
    if stat.S_ISREG(seen.st_mode) and seen.st_nlink == 0:
        kept[seen.st_dev, seen.st_ino] = seen.st_size
print(json.dumps({"bytes": sum(kept.values())}))
