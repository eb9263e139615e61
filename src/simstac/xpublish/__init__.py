"""A plugin for xpublish: STAC documents, stored chunks, intake, plots and statistics of the datasets it serves."""

from simstac.xpublish.plugin import SimstacPlugin
from simstac.xpublish.served import catalogued

__all__ = ["SimstacPlugin", "catalogued"]
