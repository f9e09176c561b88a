"""Programs that the command-line tool runs inside MLflow's container.

`python -m mlflow_sso.probes NAME DIGEST [ARGUMENT ...]` runs the module NAME. Input, secrets included, comes on standard input,
and the answer is one JSON document on standard output.

The tool holds a copy of these modules. A container of an older image lacks a module or has another version of it: the tool then
sends its own copy with `python -c`. So every module stands alone and imports no other one of this package.
"""
