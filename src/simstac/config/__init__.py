"""The configuration: what it may say (`model`) and how it is read from YAML (`load`)."""

from simstac.config.load import load_project
from simstac.config.model import Collection, Project, json_schema

__all__ = ["Collection", "Project", "json_schema", "load_project"]
