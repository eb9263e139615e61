"""Looking at a site on this machine: a loopback server, and the real STAC Browser built for it on first use."""

from simstac.browse.server import SiteServer, serve
from simstac.browse.stac_browser import built_browser

__all__ = ["SiteServer", "built_browser", "serve"]
