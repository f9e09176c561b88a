"""A changed MLflow or plugin fails the image's build, with a sentence that names the place."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from mlflow_sso import build_check, upstream_guard

CHECK = "from mlflow_sso import build_check; build_check.main()"
# A register of expectations that one patch does not reach.
SILENT = "type('Silent', (dict,), {'__setitem__': lambda s, k, v: None if k == 'mlflow_sso.tcp_nodelay' else dict.__setitem__(s, k, v)})()"


def run(*argv):
    with tempfile.TemporaryDirectory() as folder:
        from mlflow_sso import disabled_features

        environment = {**os.environ, **build_check.variables(folder), **disabled_features.WANTED}
        return subprocess.run([sys.executable, *argv], capture_output=True, text=True, timeout=600, env=environment)


class TestBuild(unittest.TestCase):
    def test_this_upstream_passes_and_every_patch_has_stated_what_it_expects(self):
        ran = run("-m", "mlflow_sso.build_check")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertRegex(ran.stdout, r"^mlflow-sso: \d{2,} expectations of upstream in \d{2} modules hold\n$")

    def test_a_changed_upstream_fails_with_one_sentence(self):
        ran = run("-c", f"import mlflow_oidc_auth.auth as auth; auth._load_jwks = lambda url: None; {CHECK}")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertNotIn("Traceback", ran.stderr)
        self.assertIn("\nmlflow-sso: parameters of __main__.<lambda>: got ('url',), want ('url', 'cache',", ran.stderr)

    def test_a_missing_name_fails_with_one_sentence(self):
        ran = run("-c", f"import mlflow.webhooks.delivery as module; del module._deliver_webhook_impl; {CHECK}")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertRegex(ran.stderr, r"^mlflow-sso: got no _deliver_webhook_impl[^\n]*\n$")

    def test_a_patch_without_an_expectation_fails(self):
        ran = run("-c", f"import mlflow_sso.upstream_guard as guard; guard.stated = {SILENT}; {CHECK}")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertRegex(ran.stderr, "^mlflow-sso: no expectation of upstream in tcp_nodelay: state one")

    def test_every_module_is_known_to_the_check(self):
        known = build_check.WITHOUT_UPSTREAM | build_check.OWN_GUARD
        modules = {name.removesuffix(".py") for name in os.listdir(os.path.dirname(build_check.__file__)) if name.endswith(".py")}
        self.assertEqual(known - modules, set())
        self.assertGreater(len(build_check.patches()), 15)


class TestChanges(unittest.TestCase):
    def test_each_guard_names_what_has_changed_and_what_is_no_longer_needed(self):
        ran = run("-m", "tests.upstream_changes")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        for name, want, said in json.loads(ran.stdout):
            with self.subTest(name):
                if want:
                    self.assertRegex(said, "^mlflow-sso: ")
                    self.assertIn(want, said)
                else:
                    self.assertEqual(said, "")


class TestExpectations(unittest.TestCase):
    def setUp(self):
        stated = mock.patch.dict(upstream_guard.stated, clear=True)
        stated.start()
        self.addCleanup(stated.stop)

    def test_what_holds_is_counted_for_the_module_that_states_it(self):
        upstream_guard.same("x", 1, 1)
        upstream_guard.needed("x", False, "reason")
        upstream_guard.has(upstream_guard, "Changed")
        upstream_guard.takes(upstream_guard.same, "what", "got", "want")
        upstream_guard.uses(upstream_guard.same, "Changed")
        upstream_guard.count(upstream_guard, "class Changed", 1)
        self.assertEqual(upstream_guard.stated, {__name__: 6})

    def test_what_does_not_hold_is_an_error_and_not_counted(self):
        for expectation in (
            lambda: upstream_guard.same("x", 1, 2),
            lambda: upstream_guard.has(upstream_guard, "Nothing"),
            lambda: upstream_guard.takes(upstream_guard.same, "what"),
            lambda: upstream_guard.uses(upstream_guard.same, "other"),
            lambda: upstream_guard.count(upstream_guard, "class Changed", 2),
        ):
            with self.assertRaises(upstream_guard.Changed):
                expectation()
        with self.assertRaisesRegex(upstream_guard.NotNeeded, "x is no longer needed: reason. Remove the patch"):
            upstream_guard.needed("x", True, "reason")
        self.assertEqual(upstream_guard.stated, {})
