import os
import unittest

from mlflow_sso import process_limits


class TestLimits(unittest.TestCase):
    def test_all_workers_together_leave_postgres_connections_for_others(self):
        for workers in range(1, 27):
            threads = process_limits.threads(workers)
            self.assertGreaterEqual(threads, 1)
            self.assertLessEqual(threads, process_limits.MOST_THREADS)
            self.assertLessEqual(workers * process_limits.POOLS * (threads + 1), process_limits.CONNECTIONS, f"{workers} workers")

    def test_two_workers_have_all_the_threads_that_are_of_use(self):
        self.assertEqual(process_limits.threads(2), process_limits.MOST_THREADS)

    def test_what_is_set_manually_stays(self):
        environment = {"MLFLOW_WORKERS": "4", "OIDC_DB_POOL_SIZE": "3"}
        process_limits.set_pools(environment)
        self.assertEqual(environment["OIDC_DB_POOL_SIZE"], "3")
        self.assertEqual(environment["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"], "9")

    def test_long_bodies_go_where_artifacts_are_if_that_is_a_folder(self):
        self.assertEqual(process_limits.spool({"MLFLOW_ARTIFACTS_DESTINATION": os.getcwd()}), os.getcwd())
        self.assertIsNone(process_limits.spool({"MLFLOW_ARTIFACTS_DESTINATION": "s3://bucket/prefix"}))
        self.assertIsNone(process_limits.spool({}))
