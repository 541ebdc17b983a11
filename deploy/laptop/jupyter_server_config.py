"""The server for a student: what an instructor uses stays off, and the log tells problems and the address only."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (traitlets defines it)

c.ServerApp.log_level = "WARN"
c.ServerApp.jpserver_extensions = {
    f"nbgrader.server_extensions.{name}": False for name in ("assignment_list", "course_list", "formgrader")
}
