"""What a submission's cells show, kept up to a limit."""

from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_output

from course.grading.kernels import messages
from course.grading.kernels.messages import Message

MAX_OUTPUT = 1 << 20  # bytes that are kept of what a cell shows
MAX_OUTPUTS = 32 * MAX_OUTPUT  # of what all cells show
_UPDATE = "update_display_data"
_KINDS = ("stream", "display_data", "execute_result", "error", _UPDATE)


@dataclass
class Shown:
    """What the cells of one kernel show. A display can be updated by its name, from another cell, too."""

    outputs: list[NotebookNode] = field(default_factory=list)  # of the cell that runs
    _displays: dict[str, list[NotebookNode]] = field(default_factory=dict)
    _room: int = MAX_OUTPUTS
    _left: int = MAX_OUTPUT  # of what the cell may show
    _is_cut: bool = False

    def begin(self, outputs: list[NotebookNode]) -> None:
        """From now on, what is shown is added to these outputs."""
        self.outputs, self._left, self._is_cut = outputs, MAX_OUTPUT, False

    def add(self, message: Message) -> None:
        """Keep what a message shows, if it shows something. Raises NoMessage if it is malformed."""
        if message.kind not in _KINDS:
            return
        name = messages.display_of(message)
        copies = self._displays.get(name, []) if name else []
        size = message.size * max(1, len(copies))
        if self._is_cut or size > min(self._left, self._room):
            if not self._is_cut:
                self.outputs.append(new_output("stream", name="stderr", text="[more output than is kept]\n"))
            self._is_cut = True
            return
        self._left, self._room = self._left - size, self._room - size
        output = messages.output(message)
        for copy in copies:
            copy.update(data=output.data, metadata=output.metadata)
        if message.kind != _UPDATE:
            self.outputs.append(output)
            if name:
                self._displays.setdefault(name, []).append(output)
