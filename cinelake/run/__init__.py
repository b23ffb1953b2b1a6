"""One film's step: staging, one decode, cells committed. Nothing here knows an engine, Prefect or MLflow."""
