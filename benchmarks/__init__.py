"""What this project claims about speed, measured against the tools that people use today."""
