"""A Dask cluster of real processes on this machine, for tests and benchmarks."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import course

TRIES = 3


class Cluster:
    """A scheduler and workers, on loopback. `close` ends them, by their process ids."""

    def __init__(self, folder: Path, *, tries: int = TRIES, ttl: str = "5 minutes") -> None:
        self.folder, self.processes, self.n_started = folder, dict[str, subprocess.Popen[bytes]](), 0
        told = folder / "scheduler.json"
        told_to = {"ALLOWED_FAILURES": str(tries - 1), "WORKER_TTL": ttl}
        settings = {f"DASK_DISTRIBUTED__SCHEDULER__{name}": value for name, value in told_to.items()}
        place = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told))
        self._start("scheduler", "dask_scheduler", *place, **settings)
        self.address: str = json.loads(self._written(told))["address"]

    def add_worker(self, **env: str) -> str:
        """Start a worker, in an empty folder; its name."""
        self.n_started += 1
        name = f"worker-{self.n_started}"
        own = ("--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--no-nanny", "--name", name)
        self._start(name, "dask_worker", self.address, *own, **env)
        return name

    def wait_for(self, workers: int) -> None:
        """Return when so many workers are there."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=60)

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def close(self) -> None:
        for name in reversed([*self.processes]):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.folder / name / "log").read_text()

    def _start(self, name: str, program: str, *arguments: str, **env: str) -> None:
        folder = self.folder / name
        folder.mkdir()
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(Path(course.__file__).parents[1]), **env}
        with (folder / "log").open("w") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _written(self, path: Path) -> str:
        """What the scheduler writes there, when all of it is there."""
        until = time.monotonic() + 60
        while not (path.exists() and path.read_text().rstrip().endswith("}")):
            if time.monotonic() > until:
                self.close()
                raise RuntimeError(f"the scheduler does not start: {self.log('scheduler')[-2000:]}")
            time.sleep(0.05)
        return path.read_text()
