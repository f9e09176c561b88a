"""Permanently deletes what has been in MLflow's trash for long enough, and files that no row of its database
names.

MLflow does neither: *trash cleanup* deletes runs and experiments, and leaves the files of their logged models
and traces; deleting a trace leaves its files. MLflow creates a row before its files. So this package deletes
rows first, and files only when no row names them: no object is ever without its files, and the next call
finds what an interruption leaves.

`python -m mlflow_sso.trash` reads the server's environment variables. It does not import MLflow, which would
take the memory of another server process.
"""
