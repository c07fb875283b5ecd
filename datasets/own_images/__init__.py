"""The user's own images: folders and CSV files."""
