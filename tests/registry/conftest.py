"""A real PostgreSQL, and a real MLflow server on it, as processes of the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
import requests


def program(name: str) -> str | None:
    """A program of PostgreSQL, on PATH or where Debian puts it."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: path.parts[-3].zfill(4))
    return shutil.which(name) or next((str(path) for path in reversed(versions)), None)


class Postgres:
    """A PostgreSQL with an empty database mlflow, which keeps nothing over a power cut.

    Attributes:
        uri: The database, as MLflow addresses it.
    """

    def __init__(self, folder: Path, initdb: str, pg_ctl: str, port: int) -> None:
        self.data, self.pg_ctl, self.port = folder / "data", pg_ctl, port
        # It refuses to run as root.
        self.user = None
        if os.geteuid() == 0:
            self.user = next(one.pw_name for one in pwd.getpwall() if one.pw_name in ("postgres", "nobody"))
            shutil.chown(folder, self.user)
        options = ["--username=solvent", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self.call([initdb, "-D", self.data, *options])
        self.start()
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="solvent", dbname="postgres")
        connection.autocommit = True
        connection.cursor().execute("CREATE DATABASE mlflow")
        connection.close()
        self.uri = f"postgresql+psycopg2://solvent@127.0.0.1:{self.port}/mlflow"

    def call(self, command: list[object]) -> None:
        # Not through a pipe, which the server would hold open.
        with tempfile.TemporaryFile() as said:
            words = [str(word) for word in command]
            done = subprocess.run(
                words, stdout=said, stderr=said, user=self.user, extra_groups=[] if self.user else None, cwd="/"
            )
            said.seek(0)
            assert done.returncode == 0, said.read().decode()

    def start(self) -> None:
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self.call([self.pg_ctl, "-D", self.data, "-w", "-l", self.data / "log", "-o", settings, "start"])

    def stop(self) -> None:
        self.call([self.pg_ctl, "-D", self.data, "-w", "-m", "fast", "stop"])


@pytest.fixture(scope="session")
def postgres(free_port: Callable[[], int]) -> Iterator[Postgres]:
    """A PostgreSQL of the tests' own."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL's initdb and pg_ctl are neither on PATH nor in /usr/lib/postgresql/*/bin")
    # Not below pytest's folder, which another user may not enter.
    with tempfile.TemporaryDirectory(prefix="solvent-postgres-") as folder:
        found = Postgres(Path(folder), initdb, pg_ctl, free_port())
        yield found
        found.stop()


class Server:
    """An MLflow server that can be stopped and started again at the same address, with artifacts it alone can see."""

    def __init__(self, store: str, artifacts: Path, port: int) -> None:
        self.store, self.artifacts, self.port = store, artifacts, port
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, and returns once it answers."""
        stores = ["--backend-store-uri", self.store, "--artifacts-destination", str(self.artifacts)]
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        # It starts eight processes for jobs of large language models otherwise.
        environ = {
            **os.environ,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        with (self.artifacts.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *stores, "--serve-artifacts", *where],
                env=environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(600):
            assert self.process.poll() is None, (self.artifacts.parent / "server.log").read_text()[-3000:]
            try:
                if requests.get(f"{self.address}/health", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.2)
        raise AssertionError("the MLflow server has not started within two minutes")

    def stop(self) -> None:
        """Kills it with its worker."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture(scope="session")
def server(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Server]:
    """An MLflow server on PostgreSQL; a test that stops it starts it again."""
    found = Server(postgres.uri, tmp_path_factory.mktemp("mlflow") / "artifacts", free_port())
    found.start()
    yield found
    found.stop()


class Proxy:
    """Sits before a server: holds each request back for some seconds, and loses the answers to some.

    Attributes:
        delay: Seconds that a request is held back.
        loses: A request that holds these bytes is passed on once, and its answer lost.
    """

    def __init__(self, port: int) -> None:
        self.delay, self.loses, self.lost, self.target = 0.0, b"", 0, port
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        losing = threading.Event()
        with client, socket.create_connection(("127.0.0.1", self.target)) as beyond:
            threading.Thread(target=self.answer, args=(beyond, client, losing), daemon=True).start()
            while data := received(client):
                time.sleep(self.delay)
                if self.loses and self.loses in data:
                    self.loses = b""
                    losing.set()
                beyond.sendall(data)

    def answer(self, beyond: socket.socket, client: socket.socket, losing: threading.Event) -> None:
        while data := received(beyond):
            if losing.is_set():
                self.lost += 1
                client.shutdown(socket.SHUT_RDWR)
                return
            client.sendall(data)

    def close(self) -> None:
        self.listening.close()


def received(connection: socket.socket) -> bytes:
    """What comes next; nothing once the other side has gone."""
    try:
        return connection.recv(65536)
    except OSError:
        return b""


@pytest.fixture
def make_proxy() -> Iterator[Callable[[int], Proxy]]:
    """Makes a Proxy before a port."""
    made: list[Proxy] = []

    def make(port: int) -> Proxy:
        made.append(Proxy(port))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow tries twice more, for four seconds each."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "4")
