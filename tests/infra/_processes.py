"""The services of the compose file as plain processes: its own commands and settings, on ports of loopback.

Names of services, ports and the containers' folders are replaced; all else is as it stands in the file. Two things are
added, which a container brings by itself: an address of Ray's nodes and a folder for Ray's sockets.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from infra._files import INFRA, ROOT, below, loaded

from benchmarks._clusters import await_that, end_tree
from cinelake.storage.processes import start_child
from flows.server import answers

BIN = Path(sys.executable).parent
START, HEALTHY = INFRA / "images" / "start", INFRA / "images" / "healthy"
READY_WITHIN_S = 240.0
LOOPBACK = "127.0.0.1"


def free_low_ports() -> Iterator[int]:
    """Ports, each another, that are free with the one 10,000 above, which SeaweedFS takes too.

    Neither is one that Ray's workers (10002 to 19999) or the kernel (from 32768) would take.
    """
    for port in random.sample(range(20_000, 22_700), 2_700):
        with suppress(OSError), socket.socket() as one, socket.socket() as two:
            one.bind((LOOPBACK, port))
            two.bind((LOOPBACK, port + 10_000))
            yield port


@dataclass
class Composition:
    """The file's services with `given` in the place of its variables. `project`: what is mounted as `/project`."""

    given: Mapping[str, str]
    project: Path
    folder: Path
    elsewhere: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Ports of services that are not started here: `(service, port)` → the port on loopback."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = _filled(loaded("compose/compose.yaml"), self.given)["services"]
        ports = [(name, port) for name, service in self.services.items() for port in service.get("expose", [])]
        free = free_low_ports()
        self.ports = {pair: self.elsewhere.get(pair) or str(next(free)) for pair in ports}
        self.sockets = tempfile.mkdtemp(prefix="cinelake-ray-", dir="/tmp")  # paths of Ray's sockets must stay short

    def url(self, service: str, port: str) -> str:
        """The address of a service's port."""
        return f"http://{LOOPBACK}:{self.ports[service, port]}"

    def here(self, text: str, service: str = "") -> str:
        """A word of a service as it is on loopback."""
        text = text.replace("0.0.0.0", LOOPBACK).replace("/opt/cinelake", str(ROOT))
        text = re.sub(r"^/project|(?<=[ =])/project", str(self.project), text)
        text = re.sub(r"(^|(?<==))/data", str(self.folder / f"{service} data"), text)
        for (name, port), found in self.ports.items():
            text = re.sub(rf"\b{name}:{port}\b", f"{LOOPBACK}:{found}", text)
        for (name, port), found in self.ports.items():
            if name == service:
                text = re.sub(rf"(?<!\d){port}(?!\d)", found, text)
        return re.sub(rf"(?<==)({'|'.join(self.services)})$", LOOPBACK, text)

    def _value(self, name: str, text: str, service: str) -> str:
        """A setting, which may be the mere name or port of another service."""
        ports = {port: found for (_, port), found in self.ports.items()}
        return LOOPBACK if name.endswith("_HOST") else self.here(ports.get(text, text), service)

    def environment(self, service: str) -> dict[str, str]:
        """What a service's container would have in its environment."""
        told = {
            name: self._value(name, value, service) for name, value in self.services[service]["environment"].items()
        }
        own = self.folder / service
        own.mkdir(exist_ok=True)
        return {
            **_of_the_image(),
            "PATH": f"{BIN}:{START.parent}:{os.environ['PATH']}",
            "HOME": str(own),
            "TMPDIR": str(own),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            **told,
        }

    def command(self, service: str) -> list[str]:
        """The words of a service's process."""
        found = self.services[service]
        words = [self.here(word, service) for word in (*found.get("entrypoint", [str(START)]), *found["command"])]
        if words[1].startswith("ray-"):
            words += ["--node-ip-address", LOOPBACK]
        return [*words, "--temp-dir", self.sockets] if words[1] == "ray-head" else words

    def log(self, service: str) -> Path:
        """What a service said."""
        return self.folder / f"{service}.log"

    def start(self, service: str) -> None:
        """Start a service's process."""
        (self.folder / f"{service} data").mkdir(exist_ok=True)
        with self.log(service).open("wb") as log:
            self.processes[service] = start_child(
                self.command(service),
                cwd=self.folder,
                env=self.environment(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """What `docker compose run --rm SERVICE WORDS` does."""
        command = [str(START), *(self.here(word, service) for word in words)]
        env = self.environment(service)
        return subprocess.run(command, cwd=self.project, env=env, capture_output=True, text=True, timeout=200)

    def ready(self, service: str) -> bool:
        """Whether a service has done, or says that it does, what others wait for. Raises with its words if it ended."""
        found, process = self.services[service], self.processes[service]
        if found["restart"] == "no":
            assert not process.poll(), self.log(service).read_text()
            return process.poll() == 0
        assert process.poll() is None, self.log(service).read_text()[-2000:]
        test = [self.here(word, service) for word in found["healthcheck"]["test"]]
        if test[1] != "healthy":  # a program of another image: what it asks for is asked for here
            return answers(next(word for word in test if word.startswith("http")))
        asked = subprocess.run([str(HEALTHY)], env=self.environment(service), capture_output=True, timeout=60)
        return asked.returncode == 0

    def up(self) -> None:
        """Start all in the file's order, each when what it depends on is ready, as `docker compose up --wait` does."""
        elsewhere = {name for name, _ in self.elsewhere}
        wanted = {name for name, found in self.services.items() if "profiles" not in found}
        order = TopologicalSorter({name: self.services[name].get("depends_on", {}) for name in wanted})
        order.prepare()
        while order.is_active():
            batch = order.get_ready()
            started = [name for name in batch if name not in elsewhere]
            for name in started:
                self.start(name)
            for name in started:
                await_that(lambda name=name: self.ready(name), within_s=READY_WITHIN_S)
            order.done(*batch)

    def down(self) -> None:
        """End all."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            end_tree(process)
        shutil.rmtree(self.sockets, ignore_errors=True)


@contextmanager
def composed(composition: Composition) -> Iterator[Composition]:
    """The services while they run."""
    try:
        composition.up()
        yield composition
    finally:
        composition.down()


def _filled(found: Any, given: Mapping[str, str]) -> Any:
    """A file's content with `${NAME:?…}` replaced."""
    if isinstance(found, dict):
        return {name: _filled(value, given) for name, value in found.items()}
    if isinstance(found, list):
        return [_filled(value, given) for value in found]
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda match: given[match[1]], found) if isinstance(found, str) else found


def _of_the_image() -> dict[str, str]:
    """What the image sets."""
    text = (INFRA / "images" / "Dockerfile").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^ENV (.*)$", text, re.M)
    return dict(word.split("=", 1) for word in line.split())


def roles_of(name: str) -> list[list[str]]:
    """The words of the containers in a manifest for Kubernetes."""
    return list(below(loaded(name), "args"))
