"""``python -m simstac``."""

from simstac.cli import main

main()
