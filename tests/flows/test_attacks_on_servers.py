"""What had commands executed: three requests to the server of `cinelake up`, and a page in a browser."""

from __future__ import annotations

import base64
import http.server
import json
import threading
import time
import uuid
from contextlib import contextmanager

import psutil
import pytest
from _browser import open_browser, wait, why_not
from _needed import need
from _replies import reply_of
from end_to_end._command import end_started, start

from benchmarks._clusters import await_that
from flows.prefect_api import PrefectApi
from flows.server import free_port
from flows.server_record import MLFLOW_PASSWORD, UP, password_of, read_json, state_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WORKS_WITHIN_S = 90
FOREIGN = {"Origin": "http://elsewhere.example", "Host": "elsewhere.example"}


def requests(folder, name):
    """What has a worker run a command that makes a file: paths and bodies, each with the ids that came before it."""
    command = {"command": f"touch {folder / name}", "working_dir": str(folder)}
    yield "/flows/", lambda ids: {"name": name}
    yield "/deployments/", lambda ids: {"name": name, "flow_id": ids[0], "work_pool_name": "cinelake",
                                        "job_variables": command, "entrypoint": "x:y"}  # fmt: skip
    yield None, lambda ids: {"state": {"type": "SCHEDULED", "name": "Scheduled"}}


@pytest.fixture(scope="module")
def up(made, tmp_path_factory):
    """A project whose `cinelake up` runs, with its worker: its folder, the server's address, its password."""
    from end_to_end._lakes import copied

    project = copied(made, tmp_path_factory.mktemp("attacked") / "project")
    start("up", "--prefect-port", str(free_port()), "--mlflow-port", str(free_port()), cwd=project,
          env={"PREFECT_WORKER_QUERY_SECONDS": "1"})  # fmt: skip
    state = state_folder(project)
    await_that(lambda: "Ctrl-C ends all three" in (project / "command.log").read_text(), within_s=200)
    url, word = str(read_json(state / UP)["prefect"]), password_of(state)
    with PrefectApi(url, word) as api:
        await_that(lambda: "cinelake" in [pool["name"] for pool in api.post("/work_pools/filter", {})], within_s=100)
    yield project, url, word
    end_started()


@pytest.fixture(scope="module", autouse=True)
def no_command_left():
    """The command of the fixture above lives as long as these tests."""
    return


def test_the_requests_have_a_command_executed_for_the_owner_alone(up):
    project, url, word = up
    for name, headers in {"foreign": FOREIGN, "named": {}, "page": {"Origin": FOREIGN["Origin"]}}.items():
        ids = [str(uuid.uuid4()), str(uuid.uuid4())]
        for path, body in requests(project, name):
            status, _ = reply_of(url, path or f"/deployments/{ids[1]}/create_flow_run", body=body(ids), **headers)
            assert status in (400, 401, 403)
    ids = []
    with PrefectApi(url, word) as api:
        for path, body in requests(project, "owner"):
            ids.append(api.post(path or f"/deployments/{ids[1]}/create_flow_run", body(ids))["id"])
    await_that((project / "owner").exists, within_s=WORKS_WITHIN_S)
    assert not [name for name in ("foreign", "named", "page") if (project / name).exists()]


def test_it_says_where_the_password_is_and_shows_it_nowhere(up):
    from _folders import files_holding

    project, _, word = up
    assert str(state_folder(project) / "prefect-password") in (project / "command.log").read_text().replace("\n", "")
    for name, known in {"prefect-password": word, "mlflow-password": mlflow_word(project)}.items():
        assert {path.name for path in files_holding((known.partition(":")[2],), project)} == {name}
        assert known.partition(":")[2] not in str([p.info["cmdline"] for p in psutil.process_iter(["cmdline"])])


def mlflow_word(project):
    """User and password of the project's MLflow."""
    return password_of(state_folder(project), MLFLOW_PASSWORD)


def test_mlflow_answers_to_its_owner_alone(up):
    project, _, _ = up
    url = str(read_json(state_folder(project) / UP)["mlflow"])
    found = []
    for word in ("", "cinelake:", "cinelake:other", mlflow_word(project)):
        header = {"Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"} if word else {}
        found.append(reply_of(url, "/api/2.0/mlflow/experiments/search?max_results=1", **header)[0])
    assert found == [401, 401, 401, 200]


def test_mlflow_s_pages_work_once_a_browser_knows_the_password(up, browser):
    project, _, _ = up
    url = str(read_json(state_folder(project) / UP)["mlflow"])
    browser.get(url.replace("//", f"//{mlflow_word(project)}@") + "/version")  # the answer to the browser's question
    browser.get(f"{url}/#/experiments")
    assert wait(browser, "return document.body.innerText.includes('Last modified')")


PAGE = """<!doctype html><title>elsewhere</title><script>
const body = JSON.stringify({name: "from-a-page"}), url = "URL";
const ways = [{}, {mode: "no-cors"}, {headers: {"Content-Type": "application/json"}}, {credentials: "include"}];
Promise.allSettled(ways.map(way => fetch(url + "/flows/", {method: "POST", body, ...way})))
  .then(all => Promise.allSettled([fetch(url + "/version"), ...all]))
  .then(all => { window.answers = all.map(one => one.status); });
</script>"""


@contextmanager
def served(page):
    """The address of a page on loopback, which is of another origin than the server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    need("chromium", why_not())
    with open_browser() as found:
        yield found


def test_a_page_in_a_browser_reads_and_changes_nothing(up, browser):
    _, url, word = up
    with served(PAGE.replace("URL", url)) as page:
        browser.get(page)
        answers = wait(browser, "return window.answers")
    assert answers[0] == "rejected"
    with PrefectApi(url, word) as api:
        assert "from-a-page" not in [flow["name"] for flow in api.post("/flows/filter", {})]


def test_the_owner_logs_in_with_the_line_of_the_file(up, browser):
    _, url, word = up
    browser.get(url.removesuffix("/api"))
    field = wait(browser, "return document.querySelector('input[type=password]')")
    field.send_keys(word)
    wait(browser, "return document.querySelector('button[type=submit]')").click()
    wait(browser, "return location.pathname.includes('dashboard') && !document.querySelector('input[type=password]')")
    shown = f"return fetch('{url}/flows/filter', {{method: 'POST'}}).then(reply => reply.status)"
    assert browser.execute_script(shown) in (401, 403)  # the page adds the password and its token, the browser does not
    time.sleep(1)
    assert json.loads(browser.execute_script("return JSON.stringify(localStorage)"))["prefect-password"]
