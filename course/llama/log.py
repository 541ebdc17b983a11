"""llama.cpp's own log: never shown, its last errors kept for our messages."""

import ctypes
from collections import deque

import llama_cpp

_ERROR = 4  # ggml_log_level in ggml.h (the list in llama-cpp-python is an older one)
_errors: deque[str] = deque(maxlen=20)


@llama_cpp.llama_log_callback
def _keep(level: int, text: bytes, user_data: ctypes.c_void_p) -> None:
    if level == _ERROR:
        _errors.append(text.decode(errors="replace").strip())


def silence() -> None:
    """Take over the log of llama.cpp and of its backends, for this process."""
    llama_cpp.llama_log_set(_keep, ctypes.c_void_p(0))


def forget() -> None:
    """Drop the errors kept so far: what `last_error` says next belongs to what is called next."""
    _errors.clear()


def last_error() -> str:
    """The first line that llama.cpp gave as the reason of its last failure, else an empty string."""
    return _errors[0] if _errors else ""


def final_error() -> str:
    """The last line of that kind: the summary, where the first one is a banner."""
    return _errors[-1] if _errors else ""
