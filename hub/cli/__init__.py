"""The command `housing-hub`: for the person who runs a hub, and for the one who tries it."""
