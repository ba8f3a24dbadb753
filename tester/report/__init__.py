"""What people and programs read of a run: stories, tables, pages and JSON."""
