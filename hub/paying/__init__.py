"""Payments at work: providers are called, facts are heard, the ERP is told. Runs in workers and for operators."""
