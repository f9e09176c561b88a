import unittest
from types import SimpleNamespace

from mlflow.exceptions import MlflowException

from mlflow_sso import locations


def stricter(store):
    seen = []
    module = SimpleNamespace(_validate_storage_location_uri=lambda value, _field: seen.append(value) or value)
    locations.refuse_shared({"MLFLOW_ARTIFACTS_DESTINATION": store}, module)
    return module._validate_storage_location_uri, seen


class TestLocations(unittest.TestCase):
    def test_no_place_on_the_server_is_taken(self):
        look, seen = stricter("/mlflow/artifacts")
        for place in ("/mlflow/artifacts/1", "/etc", "etc", "file:///etc", "FILE:/etc", "file://localhost/etc", "//etc"):
            with self.subTest(place), self.assertRaises(MlflowException):
                look(place, "artifact_location")
        self.assertEqual(seen, [])

    def test_no_place_in_the_store_that_all_share_is_taken(self):
        look, _ = stricter("s3://bucket/prefix")
        for place in ("s3://bucket/prefix", "s3://bucket/prefix/1/r", "S3://BUCKET/other/../prefix/1", "s3://bucket/%70refix/1"):
            with self.subTest(place), self.assertRaises(MlflowException):
                look(place, "artifact_location")

    def test_other_places_are_looked_at_by_mlflow(self):
        look, seen = stricter("s3://bucket/prefix")
        for place in ("s3://bucket/prefix2", "s3://other/prefix", "mlflow-artifacts:/1", "gs://bucket/prefix"):
            self.assertEqual(look(place, "artifact_location"), place)
        self.assertEqual(len(seen), 4)


if __name__ == "__main__":
    unittest.main()
