"""Pages of the course: HTML text from results, by the Jinja templates that lie beside."""
