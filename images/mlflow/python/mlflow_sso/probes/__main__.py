"""Runs one probe, if it is the version that the caller expects."""

import hashlib
import pathlib
import runpy
import sys

# The exit code for a probe that this image lacks or has in another version: EX_UNAVAILABLE of sysexits.h. No
# probe uses it.
UNAVAILABLE = 69


def digest_of(name):
    """The digest of a module's source; None if there is no such module."""
    file = pathlib.Path(__file__).with_name(name + ".py")
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def main(arguments):
    """Runs `NAME DIGEST [ARGUMENT ...]`; DIGEST is the SHA-256 of the module's source."""
    if len(arguments) < 2:
        sys.exit(f"mlflow_sso.probes: got {len(arguments)} arguments, want NAME DIGEST [ARGUMENT ...]")
    name, digest, *rest = arguments
    if not name.isidentifier() or digest_of(name) != digest:
        sys.exit(UNAVAILABLE)
    sys.argv = [name, *rest]
    runpy.run_module(f"{__package__}.{name}", run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
