"""How this image serves MLflow: the plugin's application, so that no client can hold what others need."""
