"""Text that a database cannot store is refused by the name of its field, and no response contains
SQL."""

import json
import unittest
from unittest import mock

from mlflow.exceptions import MlflowException
from mlflow_sso import text_checks
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, exc, text
from tests.served import admin_ask  # before the imports below

API = "/api/2.0/mlflow"


class TestTexts(unittest.IsolatedAsyncioTestCase):
    async def run_id(self):
        return json.loads((await admin_ask(f"{API}/runs/create", {"experiment_id": "0", "start_time": 1}))[1])["run"]["info"]["run_id"]

    async def test_a_batch_with_a_nul_character_is_refused_whole_and_names_the_key(self):
        run = await self.run_id()
        params = [{"key": f"p{n}", "value": "a\0b" if n == 7 else "x"} for n in range(20)]
        status, said = await admin_ask(f"{API}/runs/log-batch", {"run_id": run, "params": params})
        self.assertEqual(status, 400)
        self.assertEqual(json.loads(said)["message"], "'params[7].value' of the key \"p7\" holds a NUL character, which no text here can have; nothing was stored.")
        _, said = await admin_ask(f"{API}/runs/get", query=f"run_id={run}".encode(), method="GET")
        self.assertNotIn("p1", said)

    async def test_nul_characters_are_found_wherever_a_request_has_them(self):
        run = await self.run_id()
        for path, body, says in (
            (f"{API}/runs/set-tag", {"run_id": run, "key": "a\0b", "value": "x"}, "'key'"),
            (f"{API}/experiments/create", {"name": "x\0"}, "'name'"),
            (f"{API}/experiments/create", {"name": "x", "tags": [{"key": "k", "value": "\0"}]}, "'tags[0].value' of the key \"k\""),
            (f"{API}/experiments/create", {"name": "x", "a\0": 1}, "'a\\0'"),
        ):
            status, said = await admin_ask(path, body)
            self.assertEqual(status, 400)
            self.assertIn(says, json.loads(said)["message"])
        for path, query in ((f"{API}/runs/get", b"run_id=a%00"), (f"{API}/registered-models/get\0", b"")):
            self.assertEqual((await admin_ask(path, query=query, method="GET"))[0], 400)

    async def test_the_six_letters_are_no_nul_character(self):
        run = await self.run_id()
        status, said = await admin_ask(f"{API}/runs/set-tag", {"run_id": run, "key": "a", "value": "\\u0000 and \\\\u0000"})
        self.assertEqual(status, 200, said)

    def test_errors_of_a_database_show_neither_statement_nor_parameters(self):
        engine = create_engine("sqlite://")
        for statement in ("SELECT secret_column FROM nowhere WHERE a = :a", "SELECT :a FROM"):
            with self.assertRaises(exc.SQLAlchemyError) as raised, engine.connect() as connection:
                connection.execute(text(statement), {"a": "a secret"})
            for shown in str(raised.exception), repr(str(raised.exception)), f"{raised.exception}", MlflowException(raised.exception).message:
                self.assertNotIn("SELECT", shown)
                self.assertNotIn("a secret", shown)
        unique = exc.IntegrityError("INSERT INTO t", {"a": 1}, Exception('duplicate key "t_pk"\nDETAIL:  Key (a, b)=(secret, 1) already exists.'))
        self.assertEqual(str(unique), '(builtins.Exception) duplicate key "t_pk"')

    def test_a_text_that_is_too_long_for_its_column_is_named(self):
        table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("key", String(250)), Column("value", String(10)))
        context = mock.Mock(sqlalchemy_exception=exc.DataError("INSERT", {}, Exception("too long")))
        context.execution_context.compiled.statement = table.insert()
        for row, says in (
            ({"key": "k", "value": "x" * 11}, "'value' of the key \"k\" has 11 characters, and the limit is 10; nothing was stored."),
            ({"key_m1": "k", "key": "k" * 251}, "'key' has 251 characters, and the limit is 250; nothing was stored."),
            ({"value_m0": "\0"}, "'value' holds a NUL character, which no text here can have; nothing was stored."),
        ):
            context.execution_context.compiled_parameters = [{"key": "fine", "value": "fine"}, row]
            with self.assertRaises(MlflowException) as refused:
                text_checks._name_the_field(context)
            self.assertEqual((refused.exception.message, refused.exception.get_http_status_code()), (says, 400))
        context.execution_context.compiled_parameters = [{"key": "fine", "value": "fine"}]
        self.assertIsNone(text_checks._name_the_field(context))
