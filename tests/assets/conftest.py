"""Distributions of strangers: they are built, installed and tested from the outside, never collected from here."""

collect_ignore = ["lake_erp"]
