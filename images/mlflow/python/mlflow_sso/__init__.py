"""Patches for the MLflow server of this image: they bound what each client uses, and close gaps in
authorization."""
