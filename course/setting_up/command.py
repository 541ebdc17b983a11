"""The command `setup`. Standard library only."""

import signal
import sys

from course import paths
from course.setting_up import environment, step


def set_up(*, dev: bool) -> None:
    """Set up the checkout; ends the process with one line that says what is wrong, or that the next run goes on."""
    checkout = paths.PACKAGE.parent
    if not (checkout / "pyproject.toml").is_file():
        sys.exit("course setup: this course is installed already; set-up is for a checkout of it.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        environment.set_up(checkout, extras=["dev"] if dev else [])
    except (step.SetupError, OSError) as problem:
        sys.exit(f"course setup: {problem}")
    except KeyboardInterrupt:
        print("\nInterrupted. Run it again: it goes on where it stopped.", file=sys.stderr)
        sys.exit(130)
