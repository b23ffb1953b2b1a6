"""No error shows a password or key, wherever its words come from."""

import copy

import pytest

from cinelake.errors import FilmMissing, ManifestError, Problem, StorageError, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:hunter2@host/film.mp4 is gone", "https://***@host/film.mp4 is gone"),
        ("postgresql://me:a:b@db:5432/x", "postgresql://***@db:5432/x"),
        ("s3://b/x?access_key=AK&secret_key=SK&region=eu", "s3://b/x?access_key=***&secret_key=***&region=eu"),
        ("GET /f?X-Amz-Signature=abc&n=1", "GET /f?X-Amz-Signature=***&n=1"),
        ("/f?sig=abc%2F&n=1", "/f?sig=***&n=1"),
        ("url=http://host/?q=a=b&api-key=AK", "url=http://host/?q=a=b&api-key=***"),
        ("host=db password=hunter2 user=me", "host=db password=*** user=me"),
        ("{'Authorization': 'Basic bWU6aHVudGVyMg=='}", "{'Authorization': 'Basic ***'}"),
        ("sent Bearer abcdefghijklmnop.qrst", "sent Bearer ***"),
    ],
)
def test_what_is_secret_in_an_address_or_a_header_is_hidden(text, shown):
    assert str(StorageError(text)) == shown


@pytest.mark.parametrize(
    "text",
    ["expected a token: got x", "https://host/path@v2 by me@host", "write access_key_env=NAME", "films?key", "a/b=c"],
)
def test_other_words_stay(text):
    assert without_secrets(text) == text


@pytest.mark.parametrize("part", ["secret-", "-password", "pwd.", "a.b-", "a+", "x=", "?token", "http://", "bearer "])
def test_a_long_text_of_whoever_wants_it_to_take_for_ever_is_looked_through(part):
    text = part * 100_000  # in a time that grows with its square, a text of this length takes longer than a test may
    assert without_secrets(f"{text} password=hunter2").endswith(" password=***")


def test_the_value_of_a_secret_variable_is_hidden_and_a_path_in_one_is_shown(monkeypatch):
    monkeypatch.setenv("LAKE_SECRET_KEY", "correct horse battery")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/etc/keys/lake.json")
    text = "refused: correct horse battery, /etc/keys/lake.json"
    assert str(StorageError(text)) == "refused: ***, /etc/keys/lake.json"


def test_an_error_of_a_film_hides_them_in_its_log_too_and_in_a_copy():
    error = FilmMissing("https://a:b@host/x", log_tail="opening https://a:b@host/x")
    crossed = copy.deepcopy(error)
    assert (str(crossed), crossed.log_tail) == ("https://***@host/x", "opening https://***@host/x")


def test_problems_of_a_manifest_hide_them():
    assert "hunter2" not in str(ManifestError([Problem("p.yaml", 1, "tracking.uri", "http://me:hunter2@host")]))
