"""What a verdict says: cores made small, orders made long, and the words for both."""
