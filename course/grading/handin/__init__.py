"""What was handed in: strangers' files, which are read, repaired and flagged, and never run here."""
