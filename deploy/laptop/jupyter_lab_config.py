"""JupyterLab for a student: no news, no update check. Used by `course lab` through JUPYTER_CONFIG_PATH."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (traitlets defines it)

c.LabApp.log_level = "WARN"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
