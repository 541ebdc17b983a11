"""What a student measures on their own machine, and the record of it."""
