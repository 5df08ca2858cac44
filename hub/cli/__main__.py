"""`python -m hub.cli` is `housing-hub`, wherever the script was put."""

from hub.cli.app import main

main()
