"""Who reaches the port of a project's Prefect server gets nothing: other users, foreign names, foreign pages."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from _needed import need
from _replies import reply_of
from end_to_end._command import asked

from cinelake.errors import EngineUnavailable
from flows.prefect_api import PrefectApi
from flows.server import end_servers
from flows.server_record import PASSWORD, password_of, private_folder, write_private

ELSEWHERE = "http://elsewhere.example"


@pytest.fixture
def url(prefect):
    return prefect["PREFECT_API_URL"]


@pytest.fixture
def owner(prefect):
    """The headers of who knows the password and has the token of a page."""
    word = base64.b64encode(prefect["PREFECT_API_AUTH_STRING"].encode()).decode()
    named = {"Authorization": f"Basic {word}"}
    request = urllib.request.Request(f"{prefect['PREFECT_API_URL']}/csrf-token?client=test", headers=named)
    with urllib.request.urlopen(request, timeout=30) as reply:
        token = json.load(reply)["token"]
    return {**named, "Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}


def test_the_owner_is_served(url, owner):
    assert reply_of(url, body={}, **owner)[0] == 200


@pytest.mark.parametrize("path", ["/version", "/admin/version", "/csrf-token?client=x", "/work_pools/cinelake"])
@pytest.mark.parametrize("word", [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer x"}])
def test_nothing_is_read_without_the_password(url, path, word):
    assert reply_of(url, path, **word)[0] == 401


@pytest.mark.parametrize(
    "path", ["/flows/", "/deployments/", "/work_pools/", "/flow_runs/", "/events", "/flows/filter"]
)
def test_nothing_is_changed_without_the_password(url, owner, path):
    assert reply_of(url, path, body={"name": "x"})[0] == 403  # no token of a page
    without = {name: value for name, value in owner.items() if name != "Authorization"}
    assert reply_of(url, path, body={"name": "x"}, **without)[0] == 401


@pytest.mark.parametrize(
    "host", ["elsewhere.example", "elsewhere.example:4200", "127.0.0.1.elsewhere.example", "0.0.0.0", ""]
)
def test_no_foreign_name_is_served_not_even_with_the_password(url, owner, host):
    assert reply_of(url, body={}, **owner, Host=host)[0] == 400


def test_a_page_from_elsewhere_may_not_ask(url, owner):
    asks = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "POST"}
    request = urllib.request.Request(f"{url}/flows/filter", headers=asks, method="OPTIONS")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert "access-control-allow-origin" not in refused.value.headers
    assert "access-control-allow-origin" not in reply_of(url, "/version", **owner, Origin=ELSEWHERE)[1]


def test_its_own_page_may_ask_by_both_names_of_loopback(url, owner):
    for name in ("127.0.0.1", "localhost"):
        origin = url.removesuffix("/api").replace("127.0.0.1", name)
        assert reply_of(url, "/version", **owner, Origin=origin)[1]["access-control-allow-origin"] == origin


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out"])
def test_an_open_line_wants_the_password_first(url, path):
    from websockets.exceptions import ConnectionClosed, InvalidStatus
    from websockets.sync.client import connect

    address = url.replace("http:", "ws:") + path
    with pytest.raises((InvalidStatus, ConnectionClosed)), connect(address) as line:
        line.recv(timeout=30)
    with connect(address, subprotocols=["prefect"]) as line:
        line.send(json.dumps({"type": "auth", "token": "x:y"}))
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=30)


def test_a_wrong_password_is_named(url):
    from cinelake.errors import EngineUnavailable

    with pytest.raises(EngineUnavailable, match="PREFECT_API_AUTH_STRING"), PrefectApi(url, "x:y") as api:
        api.get("/version")


def test_no_command_shows_the_password(prefect, url):
    asked(url, "flows")
    word = prefect["PREFECT_API_AUTH_STRING"].partition(":")[2]
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert any("flows.own_prefect" in command for command in commands)
    assert not [command for command in commands if word in command]


ANOTHER_USER = """
import os, sys, urllib.error, urllib.request
import encodings.idna, http.client
os.setgroups([]), os.setgid(65534), os.setuid(65534)
try:
    urllib.request.urlopen(sys.argv[1] + "/version", timeout=30)
except urllib.error.HTTPError as error:
    print(error.code)
try:
    open(sys.argv[2])
except PermissionError:
    print("closed")
"""


def test_another_user_of_the_machine_is_refused_and_cannot_read_the_password(url):
    need("root", "" if os.geteuid() == 0 else "only root can be another user")
    with tempfile.TemporaryDirectory() as folder:  # one that others may enter, unlike a test's own
        Path(folder).chmod(0o755)
        password_of(Path(folder) / ".cinelake")
        words = [sys.executable, "-c", ANOTHER_USER, url, str(Path(folder) / ".cinelake" / PASSWORD)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["401", "closed"], done.stderr


def test_the_servers_of_another_user_are_not_ended_but_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr("flows.server_record.os.access", lambda *_: False)
    with pytest.raises(EngineUnavailable, match="it is not open to this user"):
        end_servers(tmp_path)


def test_only_its_owner_can_read_the_password(tmp_path):
    folder = tmp_path / ".cinelake"
    folder.mkdir(mode=0o755)
    word = password_of(folder)
    assert stat.S_IMODE((folder / PASSWORD).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert word == password_of(folder) and len(word) > 40


def test_a_password_that_others_could_read_is_made_anew(tmp_path):
    word = password_of(tmp_path)
    (tmp_path / PASSWORD).chmod(0o644)
    assert password_of(tmp_path) != word
    assert stat.S_IMODE((tmp_path / PASSWORD).stat().st_mode) == 0o600


def test_the_first_of_two_who_make_a_password_wins(tmp_path):
    private_folder(tmp_path)
    assert write_private(tmp_path / "word", "one", replace=False)
    assert not write_private(tmp_path / "word", "two", replace=False)
    assert (tmp_path / "word").read_text() == "one" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_of_somebody_else_is_an_error_that_says_what_to_do(tmp_path):
    from cinelake.errors import EngineUnavailable

    (tmp_path / ".cinelake").write_text("no folder")
    with pytest.raises(EngineUnavailable, match="PREFECT_API_URL"):
        password_of(tmp_path / ".cinelake")


def test_a_server_whose_folder_was_removed_ends(tmp_path, monkeypatch):
    from flows import own_prefect

    home, ended = tmp_path / "home", []
    home.mkdir()
    monkeypatch.setattr(own_prefect.time, "sleep", lambda _: home.exists() and home.rmdir())
    monkeypatch.setattr(own_prefect.os, "_exit", ended.append)
    own_prefect._end_when_unused(SimpleNamespace(), SimpleNamespace(at_s=0.0), home, 600)
    assert ended == [0]


def test_a_server_goes_on_looking_whether_it_is_used_after_a_look_that_failed(tmp_path, monkeypatch):
    from flows import own_prefect

    answers, ended = iter([OSError(24, "Too many open files"), True]), []

    def looked(_):
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(own_prefect, "is_unused", looked)
    monkeypatch.setattr(own_prefect, "_is_given_up", lambda _: True)
    monkeypatch.setattr(own_prefect.time, "sleep", lambda _: None)
    monkeypatch.setattr(own_prefect.os, "_exit", ended.append)
    own_prefect._end_when_unused(SimpleNamespace(), SimpleNamespace(at_s=0.0), tmp_path, -1.0)
    assert ended == [0]
