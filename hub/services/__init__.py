"""One file per thing a person can ask for. Each takes the request's reading, and knows no web framework."""
