"""Keeps MLflow 3.17.2's pages from announcing usage telemetry, which is disabled on this server.

The server reports this to the page (MLFLOW_DISABLE_TELEMETRY), but the page shows its notice, and "Enable
telemetry: On" in its settings, by what the browser stored. So this module stores the setting before the
page starts.
"""

import glob
import os

from mlflow.server import app as flask_app

from mlflow_sso import upstream_guard

# MLflow's keys in the browser's storage, and their values.
STORED = {"mlflow.telemetry.info.alert.dismissed": "true", "mlflow.settings.telemetry.enabled": "false"}
VERSION = "_v1"
_SET = "".join(f'localStorage.setItem("{key}{VERSION}","{value}");' for key, value in STORED.items())
SCRIPT = f"<script>try{{{_SET}}}catch(e){{}}</script>"
START = "<head>"


def hide_telemetry_banner(application=flask_app):
    """Makes MLflow's start page store them first."""
    folder = os.path.join(application.static_folder, "static", "js")
    sources = glob.glob(os.path.join(folder, "main.*.js"))
    found = set()
    for source in sources:
        with open(source, encoding="utf-8") as file:
            text = file.read()
        found |= {key for key in STORED if f'"{key}"' in text}
    upstream_guard.same("keys of MLflow's telemetry notice in its pages", found, set(STORED))
    plugins_own = application.view_functions["serve"]

    def serve():
        answer = plugins_own()
        return answer.replace(START, START + SCRIPT, 1) if isinstance(answer, str) else answer

    application.view_functions["serve"] = serve
