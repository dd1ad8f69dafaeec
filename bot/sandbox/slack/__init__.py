"""A pretend Slack: Web API, Socket Mode, a page to type and click in, and a control API."""

from .app import create_app
from .seed import App, Channel, Command, Person, Seed, UserGroup, default_seed
from .workspace import Timings, Workspace

__all__ = [
    "App",
    "Channel",
    "Command",
    "Person",
    "Seed",
    "Timings",
    "UserGroup",
    "Workspace",
    "create_app",
    "default_seed",
]
