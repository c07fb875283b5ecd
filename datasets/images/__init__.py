"""Image files and images in memory, to pixels."""
