"""Deploying to a real Prefect server: what is there is compared, changed and, if asked, deleted; others' is not."""

import http.server
import json
import queue
import threading
import time

import pytest

from cinelake.errors import EngineUnavailable, UnknownName, UsageError
from cinelake.manifest.document import load_manifest
from flows.events import catalogue_ran
from flows.prefect_api import PrefectApi
from flows.server import free_port, kept_server

pytestmark = pytest.mark.slow
NIGHT = """\
  nightly: {flow: catalogue, cron: "0 2 * * *", timezone: Europe/Berlin}
  again: {flow: catalogue, after: nightly, late: queue}
"""
START = "lake: lake\ncatalogue: {films: films}\ntasks: {films: , shots: }\n"


@pytest.fixture
def server(prefect, monkeypatch):
    """The shared server, as this process's."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    for name, value in prefect.items():
        monkeypatch.setenv(name, value)
    url, word = prefect["PREFECT_API_URL"], prefect["PREFECT_API_AUTH_STRING"]
    with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: word}):
        yield


@pytest.fixture
def write(tmp_path, server):
    """Writes a project's manifest and gives it; its deployments are deleted in the end."""
    from flows.deploy import deploy

    written = {}

    def write(project, schedules=NIGHT, more=""):
        folder = tmp_path / project
        folder.mkdir(exist_ok=True)
        sections = f"schedules:\n{schedules}" if schedules else ""
        (folder / "pipeline.yaml").write_text(f"{START}{sections}deploy: {{project: {project}}}\n{more}")
        written[project] = load_manifest(folder / "pipeline.yaml")
        return written[project]

    yield write
    for project in list(written):
        deploy(write(project, ""), prune=True)


def deployed(manifest, **options):
    """`name: change` of each difference."""
    from flows.deploy import deploy

    return {found.item.name: found.change for found in deploy(manifest, **options)}


def test_the_second_deployment_finds_everything_as_it_is(write):
    manifest = write("twice", more="triggers: {t: {when: new_labels, flow: train, model: scenes}}\n")
    assert deployed(manifest) == {"catalogue/nightly": "new", "catalogue/again": "new", "train/t": "new"}
    assert set(deployed(manifest).values()) == {"unchanged"}


def test_a_dry_run_changes_nothing(write):
    manifest = write("dry")
    assert deployed(manifest, dry_run=True) == deployed(manifest, dry_run=True)
    assert set(deployed(manifest, dry_run=True).values()) == {"new"}


def test_a_changed_time_is_told_from_what_to_what_and_then_kept(write):
    from flows.deploy import deploy

    deployed(write("changed"))
    manifest = write("changed", NIGHT.replace("0 2", "30 3"))
    (found,) = [found for found in deploy(manifest) if found.change == "changed"]
    assert found.changes == {"cron": ("0 2 * * * Europe/Berlin", "30 3 * * * Europe/Berlin")}
    assert set(deployed(manifest).values()) == {"unchanged"}


def test_a_schedule_has_runs_that_are_to_come(write, prefect):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    deployed(write("scheduled", NIGHT.splitlines()[0] + "\n"))
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("catalogue/nightly").id
        with PrefectApi(prefect["PREFECT_API_URL"], prefect["PREFECT_API_AUTH_STRING"]) as api:
            api.post(f"/deployments/{nightly}/schedule", {"max_runs": 3})
        runs = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[nightly])))
    assert len(runs) >= 3 and {(run.state.name, run.auto_scheduled) for run in runs} == {("Scheduled", True)}


@pytest.mark.parametrize(("late", "becomes"), [("skip", "Cancelled"), ("queue", "AwaitingConcurrencySlot")])
def test_a_run_that_is_due_while_another_works_is_left_out_or_queued_as_chosen(write, late, becomes):
    from prefect.client.orchestration import get_client
    from prefect.states import Pending

    deployed(write(f"late-{late}", NIGHT.splitlines()[0].replace("}", f", late: {late}}}") + "\n"))
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("catalogue/nightly").id
        runs = [client.create_flow_run_from_deployment(nightly) for _ in range(2)]
        answers = [client.set_flow_run_state(run.id, Pending()) for run in runs]
    assert [answer.state.name for answer in answers] == ["Pending", becomes]


def test_what_is_no_longer_wanted_is_deleted_only_when_asked(write):
    deployed(write("pruned"))
    manifest = write("pruned", NIGHT.splitlines()[0] + "\n")
    assert deployed(manifest)["catalogue/again"] == "unwanted"
    assert deployed(manifest, prune=True)["catalogue/again"] == "unwanted"
    assert deployed(manifest) == {"catalogue/nightly": "unchanged"}


def test_a_name_that_another_project_has_is_an_error_and_nothing_changes(write):
    first = write("first")
    deployed(first)
    with pytest.raises(UsageError, match=r"catalogue/nightly \(of first\)"):
        deployed(write("second", NIGHT.replace("0 2", "0 4"), "limits: {never: {slots: 1}}\n"))
    assert set(deployed(first).values()) == {"unchanged"}


def test_a_block_that_is_not_there_is_named(write):
    with pytest.raises(UnknownName, match=r"unknown Prefect block .* 'custom-webhook/nobody'"):
        deployed(write("blocks", more="notifications: {blocks: [custom-webhook/nobody]}\n"))


def test_too_many_failures_reach_a_webhook(write, listening):
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    url, heard = listening
    CustomWebhookNotificationBlock(name="ops", url=url, json_data={"text": "{{body}}"}).save("ops", overwrite=True)
    manifest = write("noisy", more="notifications: {failure_rate: 0.2, blocks: [custom-webhook/ops]}\n")
    assert deployed(manifest)["custom-webhook/ops"] == "new"
    catalogue_ran(manifest, made=8, failures=["not_a_film"] * 2, say=pytest.fail)  # a fifth: allowed
    catalogue_ran(manifest, made=1, failures=["not_a_film"] * 2, say=pytest.fail)
    deadline = time.monotonic() + 60
    while not heard and time.monotonic() < deadline:
        time.sleep(0.5)
    (said,) = heard
    assert "2 of 3 cells failed (67%, allowed 20%) in noisy: not_a_film 2" in said["text"]


def test_too_many_failures_reach_a_mailbox_through_the_block_that_takes_any_address_of_apprise(write, mailbox):
    from prefect.blocks.notifications import SlackWebhook

    address, received = mailbox
    SlackWebhook(url=f"mailto://{address}?mode=insecure&from=lake@films.org&to=night@films.org").save(
        "mail", overwrite=True
    )
    manifest = write("posting", more="notifications: {failure_rate: 0.2, blocks: [slack-webhook/mail]}\n")
    assert deployed(manifest)["slack-webhook/mail"] == "new"
    catalogue_ran(manifest, made=1, failures=["not_a_film"] * 2, say=pytest.fail)
    mail = received.get(timeout=60)
    assert mail["To"] == "night@films.org" and mail["Subject"] == "Cinelake: too much failed"
    words = mail.get_payload(0).get_payload(decode=True).decode()
    assert "2 of 3 cells failed (67%, allowed 20%) in posting: not_a_film 2" in words


@pytest.fixture
def mailbox():
    """An SMTP server on loopback: its address, and the mails that it takes."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Message

    received = queue.Queue()

    class Takes(Message):
        def handle_message(self, message):
            received.put(message)

    controller = Controller(Takes(), hostname="127.0.0.1", port=free_port())
    controller.start()
    yield f"127.0.0.1:{controller.port}", received
    controller.stop()


@pytest.fixture
def listening():
    """A webhook on loopback: its address, and what it hears."""
    heard = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # the standard library's own name
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            return

    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{hook.server_port}/", heard
    hook.shutdown()
    hook.server_close()


def test_without_a_server_it_is_said_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    said = "PREFECT_API_URL is not set, and no `cinelake up`"
    with pytest.raises(EngineUnavailable, match=said), kept_server(tmp_path / ".cinelake"):
        pass
