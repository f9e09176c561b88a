"""Applies every patch as the server does, without its services; the image's build runs it.

`python -m mlflow_sso.build_check` fails with one sentence if upstream is not what a patch was written for, if
upstream no longer needs a patch, or if a patch states no expectation.
"""

import logging
import os
import pathlib
import sys
import tempfile

# Modules that patch nothing upstream, or only wrap it with ASGI.
WITHOUT_UPSTREAM = {
    "__init__", "access_admin", "access_report", "app", "authorization", "body_limits", "break_glass", "build_check", "database_indexes", "loop_heartbeat", "origin_check",
    "outgoing", "outgoing_targets", "process_limits", "request_bounds", "upstream_guard",
}  # fmt: skip
# Modules that check upstream with an exception of their own.
OWN_GUARD = {"disabled_features", "otlp_ingest", "provider_hosts"}


# Host names for the settings; none is called.
OUTGOING = {
    "MLFLOW_SSO_GATEWAY_PROVIDERS": "openai", "MLFLOW_SSO_GATEWAY_HOSTS": "api.openai.com", "MLFLOW_SSO_WEBHOOK_HOSTS": "hooks.example.com",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "bm90IGEgc2VjcmV0OiBvZiB0aGUgYnVpbGQgYWxvbmU=",
}  # fmt: skip


def variables(folder):
    """Settings without which the application does not start; none of these addresses is used."""
    return {
        "MLFLOW_WORKERS": "1", "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db", "OIDC_USERS_DB_URI": f"sqlite:///{folder}/auth.db",
        "OIDC_DISCOVERY_URL": "http://127.0.0.1:9/", "OIDC_ISSUER": "http://127.0.0.1:9", "OIDC_AUDIENCE": "mlflow", "OIDC_CLIENT_ID": "mlflow",
        "OIDC_CLIENT_SECRET": "none", "OIDC_REDIRECT_URI": "http://127.0.0.1:9/callback", "SECRET_KEY": "of the build alone",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "127.0.0.1",
    }  # fmt: skip


def patches():
    """The modules of this package that patch upstream."""
    modules = {file.stem for file in pathlib.Path(__file__).parent.glob("*.py")}
    return modules - WITHOUT_UPSTREAM - OWN_GUARD


def check():
    """Applies all patches; returns the number of expectations and of the modules that state them."""
    from mlflow_sso import disabled_features

    # Check optional features, too.
    os.environ.update(disabled_features.WANTED | disabled_features.GATEWAY_ON | OUTGOING)
    from mlflow_sso import app, upstream_guard

    stated = {module.removeprefix("mlflow_sso."): number for module, number in upstream_guard.stated.items()}
    if missing := sorted(patches() - stated.keys()):
        raise RuntimeError(f"mlflow-sso: no expectation of upstream in {', '.join(missing)}: state one with upstream_guard, in {app.__name__} before the change")
    return sum(stated.values()), len(stated)


def main():
    """Prints one line, and exits with 1 if a patch does not fit."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(variables(folder))
        logging.disable(logging.CRITICAL)
        try:
            expectations, modules = check()
        except (RuntimeError, AttributeError, ImportError, TypeError) as problem:
            sys.exit(str(problem) if str(problem).startswith("mlflow-sso: ") else f"mlflow-sso: upstream has changed: {type(problem).__name__}: {problem}")
    print(f"mlflow-sso: {expectations} expectations of upstream in {modules} modules hold")


if __name__ == "__main__":
    main()
