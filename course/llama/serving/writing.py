"""From tokens to text: whole characters, and nothing from a stop sequence on."""

import codecs
from collections.abc import Sequence

from course.llama.session import Vocabulary


class Writer:
    """The text of one answer, as it grows.

    What could be the beginning of a stop sequence is held back until it is known to be none.
    """

    def __init__(self, vocabulary: Vocabulary, *, stop: Sequence[str] = ()) -> None:
        """`stop`: texts at which the answer ends, themselves left out."""
        self._vocabulary, self._stop = vocabulary, stop
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may be spread over tokens
        self._held = ""
        self.stopped = False

    def is_end(self, token: int) -> bool:
        """Whether the model ends its answer with this token."""
        return token in self._vocabulary.ends

    def write(self, token: int) -> str:
        """The text that can be shown now that there is this token; after a stop sequence `stopped` is true."""
        self._held += self._decoder.decode(self._vocabulary.piece(token))
        found = [place for one in self._stop if (place := self._held.find(one)) >= 0]
        if found:
            self.stopped = True
            text, self._held = self._held[: min(found)], ""
            return text
        shown = len(self._held) - max((_overlap(self._held, one) for one in self._stop), default=0)
        text, self._held = self._held[:shown], self._held[shown:]
        return text

    def rest(self) -> str:
        """What was held back, once nothing comes any more."""
        return "" if self.stopped else self._held + self._decoder.decode(b"", final=True)


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of `text` that `stop` begins with."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
