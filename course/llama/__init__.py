"""llama.cpp from Python. Importing any of it silences llama.cpp's own log first."""

from course.llama import log

log.silence()
