"""A submission's kernel, and what its cells show: nbclient, with limits on output, and deaths that cost one cell."""

import time
from queue import Empty
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from course import paths
from course.grading import warm
from course.grading.job import Job
from course.grading.provisioner import SandboxProvisioner
from course.grading.referee import Times, Wire

KERNEL = "two-bills"
MAX_OUTPUT = 1 << 20  # characters of one cell
FLOOD = 16 * MAX_OUTPUT  # where a cell that goes on printing is ended
READY_S = 60
_SHOWN = ("stream", "display_data", "execute_result", "update_display_data", "error")
TIMEOUT = "CellTimeoutError"
_SERVE = "__import__('course.grading.agent', fromlist=['serve']).serve()"


class Died(Exception):
    """The kernel's process has ended; `verdict` is "crash" or "timeout"."""

    def __init__(self, message: str, *, verdict: str = "crash") -> None:
        super().__init__(message)
        self.verdict = verdict


class Kernel(NotebookClient):
    """One kernel process and its client. Start it, run cells, let it answer a judge, close it."""

    def __init__(self, notebook: NotebookNode, *, job: Job, template: warm.Template, times: Times) -> None:
        super().__init__(
            notebook,
            timeout=times.cell_s,
            interrupt_on_timeout=True,
            allow_errors=True,
            raise_on_iopub_timeout=True,
            iopub_timeout=max(1, round(times.patience_s)),
            error_on_timeout={"ename": TIMEOUT, "evalue": "it did not finish in time", "traceback": []},
            on_cell_executed=_say_timeout,
            record_timing=False,
            store_widget_state=False,
        )
        self._job, self._template, self._times = job, template, times
        self._printed = 0

    async def start(self) -> None:
        """Fork the kernel and wait until it answers. Raises Died if it does not."""
        specs = KernelSpecManager(kernel_dirs=[str(paths.PACKAGE / "grading" / "kernels")])
        self.km = AsyncKernelManager(kernel_name=KERNEL, kernel_spec_manager=specs)
        try:
            await self.km.start_kernel(job=self._job, template=self._template)
        except RuntimeError as error:
            raise Died(str(error)) from error
        self.kc = self.km.client()
        self.kc.start_channels(shell=True, iopub=True, stdin=False, hb=False, control=False)
        self.kc.allow_stdin = False
        await self._answers()
        self.wire = Wire(self.child.channel)

    @property
    def child(self) -> warm.Child:
        """The confined process."""
        assert self.km is not None and isinstance(self.km.provisioner, SandboxProvisioner)
        assert self.km.provisioner.child is not None
        return self.km.provisioner.child

    async def run(self, cell: NotebookNode, index: int) -> None:
        """Run a cell; its outputs land in it. Raises Died if the process does."""
        self._printed = 0
        try:
            await self.async_execute_cell(cell, index)
        except CellTimeoutError:
            raise self._ended("it did not finish in time, and could not be interrupted", verdict="timeout") from None
        except DeadKernelError:
            raise Died("the process ended while this cell was running") from None
        except Exception as garbage:  # whatever jupyter_client makes of messages that are none
            raise self._ended(f"what it sent was no message ({type(garbage).__name__})") from None
        if self._printed > FLOOD:
            raise self._ended("it printed without end")

    async def serve(self) -> str:
        """Let the process answer a judge, until it is dismissed; returns what `dismissed` needs."""
        assert self.kc is not None
        return self.kc.execute(_SERVE, silent=True, store_history=False, stop_on_error=False)

    async def dismissed(self, request: str) -> None:
        """Wait until the process is a kernel again. Raises Died if it does not come back."""
        deadline = time.monotonic() + self._times.patience_s
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise Died("the process ended while a test was running")
            try:
                reply = await self.kc.shell_channel.get_msg(timeout=0.2)  # type: ignore[union-attr]
                if reply["parent_header"].get("msg_id") == request:
                    return
            except Empty:
                continue
            except Exception as garbage:
                raise self._ended(f"what it sent was no message ({type(garbage).__name__})") from None
        raise self._ended("the process did not come back from a test", verdict="timeout")

    def _ended(self, message: str, *, verdict: str = "crash") -> Died:
        """End the process; the reason, to be raised."""
        self.child.kill()
        return Died(message, verdict=verdict)

    async def close(self) -> None:
        """End the process and all that it started."""
        if self.kc:
            self.kc.stop_channels()
        if self.km and self.km.has_kernel:
            self.child.kill()
            await self.km.provisioner.wait()  # type: ignore[union-attr]
            await self.km.cleanup_resources()  # type: ignore[misc]
            await self.km.provisioner.cleanup()  # type: ignore[union-attr]

    async def _answers(self) -> None:
        """Wait for a reply and for the same request's `idle`: the first outputs get lost before that."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            request = self.kc.kernel_info()  # type: ignore[union-attr]
            try:
                await self.kc.shell_channel.get_msg(timeout=1)  # type: ignore[union-attr]
                while True:
                    message = await self.kc.iopub_channel.get_msg(timeout=0.05)  # type: ignore[union-attr]
                    is_idle = message["content"].get("execution_state") == "idle"
                    if is_idle and message["parent_header"].get("msg_id") == request:
                        return
            except Empty:
                if self.child.poll() is not None:
                    break
        raise Died("the kernel did not start")

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        """Keep what a cell shows, up to a limit; end a process that floods."""
        kind, content = msg["msg_type"], msg["content"]
        if kind in _SHOWN:
            before, size = self._printed, len(str(content.get("text") or content.get("data") or content))
            self._printed += size
            if self._printed > MAX_OUTPUT:
                if before <= MAX_OUTPUT:
                    cell.outputs.append(new_output("stream", name="stderr", text="[more output than is kept]\n"))
                if self._printed > FLOOD:
                    self.child.kill()
                return None
        elif kind.startswith("comm_") or kind == "clear_output":
            return None
        return super().process_message(msg, cell, cell_index)


def _say_timeout(*, cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
    """Show why a cell was interrupted: by itself it shows only that it was."""
    if execute_reply["content"].get("ename") == TIMEOUT:
        reason = execute_reply["content"]["evalue"]
        cell.outputs.append(new_output("error", ename=TIMEOUT, evalue=reason, traceback=[f"{TIMEOUT}: {reason}"]))
