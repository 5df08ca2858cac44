"""Housing Hub: one tenant API over the ERPs that social landlords already own."""

__all__ = ["__version__"]
__version__ = "0.1.0"
