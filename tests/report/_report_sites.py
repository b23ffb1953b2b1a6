"""Writes the site of a project, and reads its pages."""

import json
import re

from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from report.site import write_site


def write(project, **options):
    return write_site(plan_manifest(load_manifest(project / "pipeline.yaml")), project / "site", **options)


def page(project, movie_id="plain"):
    """The text of a film's page."""
    return (project / "site" / "films" / movie_id / "index.html").read_text(encoding="utf-8")


def data(project, movie_id="plain"):
    """What the page's scripts are given."""
    return json.loads(re.search(r'id="data">(.*?)</script>', page(project, movie_id), re.S)[1])


def lane(project, name, movie_id="plain"):
    return next(lane for lane in data(project, movie_id)["lanes"] if lane["id"] == name)


def replace(project, old, new):
    """Change the manifest's text where it stands last: among the tasks."""
    manifest = project / "pipeline.yaml"
    before, found, after = manifest.read_text().rpartition(old)
    assert found
    manifest.write_text(before + new + after)
