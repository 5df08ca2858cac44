"""Telling people: what a night came to in words, by mail or webhook, once until it is well again; and in figures."""
