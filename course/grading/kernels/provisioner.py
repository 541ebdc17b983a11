"""Jupyter's way to our kernels: a provisioner that forks them, confined, from the warm process.

Chosen by the kernelspec `two-bills`. nbgrader, nbclient and jupyter_client use it as it is:
`c.Execute.kernel_name = "two-bills"`.
"""

import asyncio
import atexit
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import List, Unicode

from course.grading import sandbox
from course.grading.kernels import fork, sockets, warm
from course.grading.kernels.job import Job

_CHANNELS = ("shell", "iopub", "stdin", "hb", "control")
_shared: dict[tuple[str, ...], warm.Template] = {}


class SandboxProvisioner(KernelProvisionerBase):
    """Starts a kernel by fork, in a job of its own made from the working directory that it is given."""

    preload: list[str] = List(  # type: ignore[assignment]
        Unicode(), ["import numpy, pandas, matplotlib.pyplot"], help="What the warm process imports."
    ).tag(config=True)

    child: warm.Child | None = None
    _job: Job | None = None
    _own_job: bool = False

    @property
    def has_process(self) -> bool:
        return self.child is not None

    async def poll(self) -> int | None:
        return self.child.poll() if self.child else 0

    async def wait(self) -> int | None:
        while (status := await self.poll()) is None:
            await asyncio.sleep(0.005)
        return status

    async def send_signal(self, signum: int) -> None:
        if self.child and signum == signal.SIGINT:
            self.child.interrupt()
        elif self.child and signum != 0:
            self.child.kill()

    async def kill(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)

    async def shutdown_requested(self, restart: bool = False) -> None:
        await self.kill()  # there is nothing to save

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Choose the sockets, and write the connection file beside them."""
        cwd, self._template = kwargs.pop("cwd", None), kwargs.pop("template", None)
        self._job = kwargs.pop("job", None) or self._job
        if self._job is None:
            self._job, self._own_job = Job(sandbox.probe()), True
            copy_files(cwd, self._job.files)
        self._sockets = self._job.sockets()
        manager: Any = self.parent
        manager.transport, manager.ip = "ipc", str(self._sockets / "k")
        for number, channel in enumerate(_CHANNELS, start=1):
            setattr(manager, f"{channel}_port", number)
        manager.connection_file = str(self._sockets / "kernel.json")
        manager._connection_file_written = False
        manager.write_connection_file()
        Path(manager.connection_file).chmod(0o644)
        self.connection_info = manager.get_connection_info()
        kwargs.pop("extra_arguments", None)
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Fork the kernel; its sockets listen before it does."""
        assert self._job is not None
        policy = self._job.kernel_policy(self._sockets)
        listening = sockets.listening(self._sockets / "k", range(1, len(_CHANNELS) + 1))
        try:
            self.child = (self._template or shared_template(self.preload)).fork(
                fork.KERNEL,
                policy,
                self._job.environment(policy),
                connection_file=str(self._sockets / "kernel.json"),
                listening=listening,
            )
        finally:
            for one in listening:
                one.close()
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        if self.child:
            self.child.close()
            self.child = None
        if self._own_job and not restart and self._job:
            self._job.close()

    def get_shutdown_wait_time(self, recommended: float = 5.0) -> float:
        return 1.0


def shared_template(imports: list[str]) -> warm.Template:
    """This process's own warm process for some import statements, started when first asked for."""
    key = tuple(imports)
    if key not in _shared:
        _shared[key] = warm.start(imports)
        atexit.register(_shared[key].close)
    return _shared[key]


def copy_files(cwd: str | None, target: Path) -> None:
    """Copy what lies beside a notebook, but no notebook (nbgrader puts the hidden tests there) and no link."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        return shutil.ignore_patterns("*.ipynb", ".*", "*.db")(folder, names) | {
            name for name in names if os.path.islink(os.path.join(folder, name))
        }

    if cwd and Path(cwd).is_dir():
        shutil.copytree(cwd, target, ignore=left_out, dirs_exist_ok=True)
