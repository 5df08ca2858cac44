"""Payment providers, a package each; every one is found through its own entry point."""
