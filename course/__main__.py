"""`python -m course`: the set-up with any Python, every other command with one that has the course's packages."""

# Written so that an old Python can read it, and say that it is too old.

import sys


def main() -> None:
    """The console script `course`."""
    problem = too_old(sys.version_info[:2])
    if problem:
        sys.exit(problem)
    if sys.argv[1:2] == ["setup"]:
        if set(sys.argv[2:]) - {"--dev"}:
            sys.exit("usage: python -m course setup [--dev]   (--dev: also what the tests need)")
        from course.setting_up import command

        command.set_up(dev="--dev" in sys.argv)
        return
    _hand_over_if_needed()
    from course.cli import app
    from course.commands import terminal
    from course.paths import NotACourse

    terminal.print_anything()
    try:
        app(prog_name="course")
    except NotACourse as nowhere:
        print(nowhere, file=sys.stderr)
        sys.exit(2)


def too_old(version: tuple) -> str:
    """What to say where Python's `version` is too old for the course; nothing where it is not."""
    if version >= (3, 11):
        return ""
    return (
        f"The course needs Python 3.11 or newer, and this is {version[0]}.{version[1]} ({sys.executable}): "
        "name a newer one, as in `python3.12 -m course setup` or `make setup PYTHON=python3.12`."
    )


def _hand_over_if_needed() -> None:
    """In a checkout, have .venv's interpreter run the command where this one lacks the course's packages."""
    import os
    import subprocess

    from course import paths
    from course.setting_up import environment, requirements

    checkout = paths.PACKAGE.parent
    if not requirements.lacking(requirements.packages(checkout)):
        return
    in_venv = environment.in_venv(checkout)
    if in_venv and sys.argv[1:2] == ["doctor"]:  # which names what is lacking
        return
    python = environment.venv_python(checkout)
    if in_venv or not python.exists():
        sys.exit("The course is not (wholly) set up here: run `python -m course setup` or `make setup` first.")
    command = [str(python), "-m", "course", *sys.argv[1:]]
    if sys.platform == "win32":
        sys.exit(subprocess.call(command))
    os.execv(python, command)


if __name__ == "__main__":
    main()
