"""GraphQL returns a member nothing that REST refuses, in whatever form the input is."""

import unittest

import graphene
from mlflow.server.graphql.graphql_schema_extensions import schema
from mlflow_sso import graphql_authorization, upstream_guard
from tests.environment import ADMIN, MEMBER, OTHER, PROVIDER  # before the imports below
from tests.served import application, ask, people

MARK = "secret-of-the-owner"
RUNS = "runs{info{runId runName} data{params{key value} tags{key value}}}"
QUERIES = {
    "mlflowGetExperiment": ("query", "MlflowGetExperimentInput", "experiment{name}", "experimentId"),
    "mlflowGetRun": ("query", "MlflowGetRunInput", "run{info{runName}}", "runId"),
    "mlflowListArtifacts": ("query", "MlflowListArtifactsInput", "rootUri", "runId"),
    "mlflowGetMetricHistoryBulkInterval": ("query", "MlflowGetMetricHistoryBulkIntervalInput", "metrics{value}", "runIds"),
    "mlflowSearchRuns": ("query", "MlflowSearchRunsInput", RUNS, "experimentIds"),
    "mlflowSearchRuns ": ("mutation", "MlflowSearchRunsInput", RUNS, "experimentIds"),
    "mlflowSearchDatasets": ("mutation", "MlflowSearchDatasetsInput", "datasetSummaries{name}", "experimentIds"),
}
# Fields requested without apiError, as MLflow's pages do.
WITHOUT_API_ERROR = {"mlflowSearchDatasets", "mlflowListArtifacts"}
OWNER, THIEF = PROVIDER.bearer(MEMBER), PROVIDER.bearer(OTHER)


def setUpModule():
    people(ADMIN, MEMBER, OTHER)
    application()


async def query(caller, field, given):
    kind, type_, answer, _ = QUERIES[field]
    text = f"{kind} A($d: {type_}!) {{ {field.strip()}(input: $d) {{ {answer} apiError{{code message}} }} }}"
    if field in WITHOUT_API_ERROR:
        text = text.replace("apiError{code message}", "")
    status, said = await ask("/graphql", caller, {"query": text, "variables": {"d": given}})
    return status, said, said["data"] and said["data"].get(field.strip())


async def made(caller, name):
    """An experiment with its own run."""
    _, experiment = await ask("/api/2.0/mlflow/experiments/create", caller, {"name": name})
    identifier = experiment["experiment_id"]
    _, run = await ask("/api/2.0/mlflow/runs/create", caller, {"experiment_id": identifier, "run_name": name, "start_time": 1})
    run = run["run"]["info"]["run_id"]
    await ask("/api/2.0/mlflow/runs/log-parameter", caller, {"run_id": run, "key": "p", "value": MARK})
    await ask("/api/2.0/mlflow/runs/log-metric", caller, {"run_id": run, "key": "m", "value": 1, "timestamp": 1, "step": 1})
    return identifier, run


class TestGraph(unittest.IsolatedAsyncioTestCase):
    def refused(self, field, said, value):
        """Only an error that MLflow's pages show."""
        self.assertIsNone(said["errors"], said)
        error = value.pop("apiError", None)
        self.assertEqual(set(value.values()), {None}, said)
        if field not in WITHOUT_API_ERROR:
            self.assertEqual(error["code"], "PERMISSION_DENIED")
            self.assertIn("hared with you", error["message"])

    async def test_what_does_not_exist_reads_like_what_is_not_shared(self):
        foreign = await made(OWNER, "graph-exists")
        for field, identifier, other in (("mlflowGetExperiment", foreign[0], "987654"), ("mlflowGetRun", foreign[1], "0" * 32)):
            key = QUERIES[field][3]
            answers = [str((await query(THIEF, field, {key: one}))[1]).replace(one, "?") for one in (identifier, other)]
            self.assertEqual(*answers)

    async def test_a_list_with_one_foreign_id_is_refused_whatever_its_order(self):
        own, foreign = await made(THIEF, "graph-own"), await made(OWNER, "graph-" + MARK)
        for field, (_, _, _, key) in QUERIES.items():
            mine, theirs = (one[1 if key.startswith("run") else 0] for one in (own, foreign))
            several = key.endswith("s")
            extra = {"metricKey": "m"} if "Metric" in field else {}
            with self.subTest(field + " control"):
                _, said, value = await query(THIEF, field, {key: [mine] if several else mine, **extra})
                self.assertIsNotNone(value, said)
                self.assertIsNone(said["errors"])
            for ids in ([theirs], [mine, theirs], [theirs, mine], [mine, mine, theirs]) if several else (theirs,):
                with self.subTest(field, ids=ids):
                    _, said, value = await query(THIEF, field, {key: ids, **extra})
                    self.refused(field, said, value)
                    self.assertNotIn(MARK, str(said))
            with self.subTest(field + " of the owner"):
                _, said, value = await query(OWNER, field, {key: [theirs] if several else theirs, **extra})
                self.assertIsNotNone(value, said)

    async def test_both_names_of_a_runs_id_are_checked(self):
        (_, mine), (_, theirs) = await made(THIEF, "graph-two-own"), await made(OWNER, "graph-two-foreign")
        for given in ({"runId": mine, "runUuid": theirs}, {"runUuid": mine, "runId": theirs}, {"runUuid": theirs}):
            for field in ("mlflowGetRun", "mlflowListArtifacts"):
                _, said, value = await query(THIEF, field, given)
                self.refused(field, said, value)

    async def test_no_id_at_all_is_refused(self):
        for field in QUERIES:
            _, said, value = await query(THIEF, field, {})
            self.assertIsNone(value, said)

    async def test_an_administrator_reads_everything(self):
        own, foreign = await made(THIEF, "graph-admin-1"), await made(OWNER, "graph-admin-2")
        _, said, value = await query(PROVIDER.bearer(ADMIN), "mlflowSearchRuns", {"experimentIds": [own[0], foreign[0]]})
        self.assertEqual({run["info"]["runId"] for run in value["runs"]}, {own[1], foreign[1]}, said)

    async def test_versions_are_of_readable_models_whatever_the_filter_says(self):
        for caller, name in ((THIEF, "graph-mine"), (OWNER, "graph-theirs")):
            _, run = await made(caller, "of-" + name)
            await ask("/api/2.0/mlflow/registered-models/create", caller, {"name": name})
            made_ = {"name": name, "source": f"runs:/{run}/model", "run_id": run, "tags": [{"key": "name", "value": "graph-mine"}]}
            status, said = await ask("/api/2.0/mlflow/model-versions/create", caller, made_)
            self.assertEqual(status, 200, said)
        text = "query A($d: MlflowSearchModelVersionsInput!) { mlflowSearchModelVersions(input: $d) { modelVersions { name } apiError { code } } }"
        for filter_ in (
            None, "name LIKE 'graph%'", "name = 'graph-theirs'", "tags.name = 'graph-mine'", "name IN ('graph-mine','graph-theirs')",
            "tags.x != \"name = 'graph-mine'\"",
        ):  # fmt: skip
            with self.subTest(filter_):
                _, said = await ask("/graphql", THIEF, {"query": text, "variables": {"d": {"filter": filter_} if filter_ else {}}})
                answer = said["data"]["mlflowSearchModelVersions"] or {}
                self.assertNotIn("graph-theirs", [version["name"] for version in answer.get("modelVersions") or []])
        _, said = await ask("/graphql", THIEF, {"query": text, "variables": {"d": {"filter": "name LIKE 'graph%'"}}})
        self.assertEqual([v["name"] for v in said["data"]["mlflowSearchModelVersions"]["modelVersions"]], ["graph-mine"])

    def test_every_field_of_this_mlflow_is_known(self):
        self.assertEqual(graphql_authorization.unknown_fields(schema), set())

    def test_what_a_new_mlflow_adds_is_not_known(self):
        class NewInput(graphene.InputObjectType):
            trace_ids = graphene.List(graphene.String)

        class GetRunInput(graphene.InputObjectType):
            run_id = graphene.String()
            other_run_ids = graphene.List(graphene.String)

        class Run(graphene.ObjectType):
            name, traces = graphene.String(), graphene.String()

            def resolve_traces(self, info):
                return "all of them"

        class Query(graphene.ObjectType):
            mlflow_get_traces = graphene.Field(Run, input=NewInput())
            mlflow_get_run = graphene.Field(Run, input=GetRunInput())
            everything = graphene.Field(Run)

            def resolve_everything(self, info):
                return Run()

        found = graphql_authorization.unknown_fields(graphene.Schema(query=Query))
        self.assertEqual(found, {("Query", "mlflowGetTraces"), ("Query", "mlflowGetRun"), ("Query", "everything"), ("Run", "traces")})

    async def test_a_field_that_is_not_known_is_refused_to_members_alone(self):
        from unittest import mock

        from mlflow.server import handlers

        identifier, _ = await made(OWNER, "graph-unknown")
        place = ("Query", "mlflowGetExperiment")
        with mock.patch.object(handlers, "_get_graphql_auth_middleware", lambda: [graphql_authorization.Authorization({place})]):
            _, _, value = await query(OWNER, place[1], {"experimentId": identifier})
            self.assertIsNone(value)
            _, _, value = await query(PROVIDER.bearer(ADMIN), place[1], {"experimentId": identifier})
            self.assertIsNotNone(value)

    def test_another_way_into_graphql_stops_the_start(self):
        with self.assertRaises(upstream_guard.Changed):
            graphql_authorization.authorize()  # the plugin's hook was removed
