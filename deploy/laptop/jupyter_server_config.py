"""The server for a student: what the course does not use stays off, and the log tells problems and the address only."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (traitlets defines it)

c.ServerApp.log_level = "WARN"
c.ServerApp.answer_yes = True  # Ctrl-C stops it, without a question that is lost among the log's lines
c.KernelSpecManager.allowed_kernelspecs = {"python3"}  # two-bills is for grading
c.ServerApp.jpserver_extensions = {
    **{f"nbgrader.server_extensions.{name}": False for name in ("assignment_list", "course_list", "formgrader")},
    "nbgrader.server_extensions.validate_assignment": False,
    "course.button": True,  # instead: Validate says what `course check` says
    "jupyter_lsp": False,  # would look for language servers of Node at every start
}
