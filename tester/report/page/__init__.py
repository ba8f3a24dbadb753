"""Pages: a run, a history or statistics as one HTML file that needs nothing but a browser."""
