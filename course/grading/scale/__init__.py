"""Many submissions at once: several workers on this machine, or a cluster's."""
