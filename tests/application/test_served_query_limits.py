"""Limits of a search, on every path to one, with the served application."""

import json
import re
import unittest
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from mlflow_sso import query_limits
from mlflow_sso.query_limits import CONDITIONS, EXPERIMENTS, IDS, ORDER
from tests.served import admin_ask, admin_send  # before the imports below


def conditions(count, kind="params"):
    return " and ".join(f"{kind}.p{n} = 'x'" for n in range(count))



class TestQueries(unittest.IsolatedAsyncioTestCase):
    async def refused(self, path, body=None, says=(), **how):
        status, said = await admin_ask(path, body, **how)
        self.assertEqual(status, 400, said)
        for part in says:
            self.assertIn(part, json.loads(said)["message"])

    async def test_a_filter_with_too_many_conditions_is_refused_by_every_search(self):
        for prefix in "api", "ajax-api":
            for path, body in (
                ("2.0/mlflow/runs/search", {"experiment_ids": ["0"], "filter": conditions(CONDITIONS + 1)}),
                ("2.0/mlflow/experiments/search", {"max_results": 1, "filter": conditions(CONDITIONS + 1, "tags")}),
                ("2.0/mlflow/logged-models/search", {"experiment_ids": ["0"], "filter": conditions(CONDITIONS + 1)}),
                ("3.0/mlflow/traces/search", {"locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}], "filter": conditions(CONDITIONS + 1, "tags")}),
                ("3.0/mlflow/datasets/search", {"experiment_ids": ["0"], "filter_string": conditions(CONDITIONS + 1, "tags")}),
                ("3.0/mlflow/issues/search", {"experiment_id": "0", "filter_string": " and ".join(["status = 'x'"] * (CONDITIONS + 1))}),
            ):  # fmt: skip
                with self.subTest(f"{prefix} {path}"):
                    await self.refused(f"/{prefix}/{path}", body, ("21 conditions", "limit is 20"))
            for path, name in ("2.0/mlflow/registered-models/search", "filter"), ("2.0/mlflow/model-versions/search", "filter"), ("3.0/mlflow/mcp-servers", "filter_string"):
                with self.subTest(f"{prefix} {path}"):
                    query = f"{name}={conditions(CONDITIONS + 1, 'tags')}".replace(" ", "%20").encode()
                    await self.refused(f"/{prefix}/{path}", query=query, method="GET", says=("21 conditions",))

    async def test_a_search_at_the_limits_is_answered(self):
        body = {"experiment_ids": ["0"] * 50, "filter": conditions(CONDITIONS), "order_by": [f"metrics.m{n}" for n in range(ORDER)]}
        status, said = await admin_ask("/api/2.0/mlflow/runs/search", body)
        self.assertEqual(status, 200, said)
        self.assertEqual((await admin_ask("/api/3.0/mlflow/traces/batchGetInfos", {"trace_ids": [f"tr-{n}" for n in range(IDS)]}))[0], 200)

    async def test_lists_that_are_too_long_are_refused_by_the_names_of_their_fields(self):
        await self.refused("/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"], "order_by": ["metrics.a"] * (ORDER + 1)}, ("order_by", "6 entries", "limit is 5"))
        await self.refused("/api/2.0/mlflow/runs/search", {"experimentIds": ["0"] * (EXPERIMENTS + 1)}, ("experimentIds", "10,001"))
        await self.refused("/api/3.0/mlflow/traces/batchGetInfos", {"trace_ids": ["t"] * (IDS + 1)}, ("trace_ids", "limit is 1,000"))
        await self.refused("/ajax-api/2.0/mlflow/metrics/get-history-bulk", query=b"run_id=a&" * (IDS + 1), method="GET", says=("run_ids", "1,001"))
        await self.refused("/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"], "filter": "x" * (query_limits.FILTER + 1)}, ("filter", "65,536"))
        await self.refused("/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"], "order_by": ["x" * (query_limits.FILTER + 1)]}, ("order_by", "too long"))

    async def test_a_search_that_is_encoded_twice_or_without_a_type_is_checked(self):
        for content in (json.dumps(json.dumps({"trace_ids": ["t"] * (IDS + 1)})), json.dumps({"trace_ids": ["t"] * (IDS + 1)})):
            for kind in b"application/json", b"text/plain":
                got = await admin_send("POST", "/api/3.0/mlflow/traces/batchGetInfos", content.encode(), kind=kind)
                self.assertEqual(got.status, 400)
                self.assertIn("1,001", got.content.decode())

    async def test_graphql_is_bounded_in_variables_and_in_its_text(self):
        search = "query($d:MlflowSearchRunsInput!){mlflowSearchRuns(input:$d){runs{info{runId}}}}"
        await self.refused("/graphql", {"query": search, "variables": {"d": {"experimentIds": ["0"], "orderBy": ["metrics.a"] * (ORDER + 1)}}}, ("orderBy",))
        await self.refused("/graphql", {"query": search + " " * query_limits.QUERY}, ("query", "32,768"))
        for part, says in ((f'filter:"{conditions(CONDITIONS + 1)}"', "21 conditions"), ("orderBy:[" + '"metrics.a",' * (ORDER + 1) + "]", "6 entries")):
            _, said = await admin_ask("/graphql", {"query": f'query{{mlflowSearchRuns(input:{{experimentIds:["0"],{part}}}){{runs{{info{{runId}}}}}}}}'})
            self.assertIn(says, said)

    async def test_what_nests_too_deep_is_refused_in_one_sentence(self):
        got = await admin_send("POST", "/api/2.0/mlflow/runs/search", b"[" * 100_000)
        self.assertEqual(got.status, 400)

    async def test_a_batch_at_mlflows_limits_is_not_a_search(self):
        run = json.loads((await admin_ask("/api/2.0/mlflow/runs/create", {"experiment_id": "0", "start_time": 1}))[1])["run"]["info"]["run_id"]
        batch = {
            "run_id": run, "metrics": [{"key": f"m{n}", "value": 1.5, "timestamp": 1, "step": n} for n in range(1000 - 200)],
            "params": [{"key": f"p{n}", "value": "x" * 6000} for n in range(100)], "tags": [{"key": f"t{n}", "value": "x" * 2000} for n in range(100)],
        }  # fmt: skip
        self.assertEqual((await admin_ask("/api/2.0/mlflow/runs/log-batch", batch))[0], 200)

    def test_filters_are_parsed_in_those_places_alone(self):
        root = Path(mlflow.__file__).parent
        found = {
            str(path.relative_to(root)): len(re.findall(r"sqlparse\.parse\(", path.read_text()))
            for folder in ("utils", "store", "server", "tracking", "entities", "genai", "tracing")
            for path in (root / folder).rglob("*.py")
            if "sqlparse.parse(" in path.read_text()
        }
        # Two filters and one sort key, and the filter of logged models.
        self.assertEqual(found, {"utils/search_utils.py": 3, "utils/search_logged_model_utils.py": 1})

    def test_another_mlflow_is_refused(self):
        with self.assertRaisesRegex(RuntimeError, "want MLflow 3.17's"):
            query_limits._wrap_parser(type("Other", (), {}), "parse_search_filter")

    def test_one_sentence_names_field_and_limit(self):
        with self.assertRaises(MlflowException) as refused:
            query_limits.refuse("run_ids", ["x"] * (IDS + 1))
        self.assertEqual(refused.exception.message, "'run_ids' has 1,001 entries, and the limit is 1,000.")
