"""Tests of what the image adds to MLflow and the plugin; they run inside the image."""

import pathlib
import unittest

from tests import environment  # noqa: F401 (before any test imports the plugin, which reads it)


def load_tests(loader, _, pattern):
    """test_plugin is first: it compares the plugin's responses before and after the application patches it.
    """
    names = sorted(file.stem for file in pathlib.Path(__file__).parent.glob(pattern or "test*.py"))
    names.sort(key=lambda name: name != "test_plugin")
    return unittest.TestSuite(loader.loadTestsFromName(f"{__name__}.{name}") for name in names)
