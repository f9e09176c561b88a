"""Programs that the command-line tool runs inside MLflow's container.

`python -m mlflow_sso.probes NAME DIGEST [ARGUMENT ...]` runs the module NAME. It reads its input, including
secrets, from standard input, and prints one JSON document.

The tool has a copy of these modules. A container of an older image lacks a module or has another version of
it: the tool then sends its own copy with `python -c`. Each module is therefore self-contained and imports no
other module of this package.
"""
