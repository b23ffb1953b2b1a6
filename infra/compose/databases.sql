-- Beside the server's first database, which is Prefect's.
CREATE DATABASE mlflow;
