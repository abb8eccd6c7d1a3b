"""What only the file as a whole shows: names, graphs, times, code on disk, what expressions read."""
