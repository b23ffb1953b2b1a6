"""What is secret in a tracking store's address is never shown, nor is it in other people's words about it."""

import pytest

from cinelake.errors import StorageError
from cinelake.tracking.addresses import cleaned, shown
from cinelake.tracking.store import tracking_errors

SHOWN = {
    "https://me:hunter2@mlflow.example.org/base": "https://mlflow.example.org/base",
    "postgresql+psycopg://me:hunter2@db:5432/mlflow?sslpassword=hunter2": "postgresql+psycopg://db:5432/mlflow",
    "http://127.0.0.1:5000": "http://127.0.0.1:5000",
    "sqlite:////films/mlflow.db": "sqlite:////films/mlflow.db",
}


@pytest.mark.parametrize(("uri", "seen"), SHOWN.items())
def test_an_address_is_shown_without_user_password_and_options(uri, seen):
    assert shown(uri) == seen


@pytest.mark.parametrize("said", ["hunter/2 was refused", "GET https://me:hunter%2F2@host/api", "hunter%2F2"])
def test_the_words_of_others_lose_the_password_however_it_is_written(said):
    assert "hunter" not in cleaned(said, "https://me:hunter%2F2@host")


def test_the_words_of_others_stay_where_nothing_is_secret():
    assert cleaned("no such table: runs", "sqlite:////films/mlflow.db") == "no such table: runs"


def test_an_error_of_a_store_with_a_password_has_no_cause_that_a_traceback_would_show():
    uri = "https://me:hunter2@host"
    with (
        pytest.raises(StorageError, match="looking in MLflow at https://host:") as raised,
        tracking_errors(uri, "looking"),
    ):
        raise OSError(f"nobody answers at {uri}")
    assert "hunter2" not in str(raised.value) and raised.value.__suppress_context__


def test_a_password_that_stands_in_the_manifest_itself_is_a_problem(problems):
    said = ["3: tracking.uri: holds a password, which is recorded with every run: write `${NAME}` instead"]
    assert problems("tracking: {uri: 'postgresql://me:hunter2@${HOST:-db}/mlflow'}\ntasks: {cuts: }")[:1] == said
