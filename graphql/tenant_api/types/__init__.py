"""The schema's types, a module for each family."""
