"""The work pool's template: Prefect's own models take it, and runs get from it what they would by default."""

import json

from infra._files import INFRA

TEMPLATE = json.loads((INFRA / "prefect" / "work-pool.json").read_text())


def test_prefect_takes_it():
    from prefect.client.schemas.actions import WorkPoolCreate

    assert WorkPoolCreate(name="cinelake", type="process", base_job_template=TEMPLATE).base_job_template == TEMPLATE


def test_a_worker_reads_from_it_all_that_it_can_be_told():
    from prefect.workers.process import ProcessWorker

    default = ProcessWorker.get_default_base_job_template()
    assert TEMPLATE["job_configuration"] == default["job_configuration"]
    assert TEMPLATE["variables"]["properties"].keys() == default["variables"]["properties"].keys()
