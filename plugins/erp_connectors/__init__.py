"""ERP connectors, a package each; they come into the hub through entry points, like any stranger's."""
