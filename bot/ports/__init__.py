"""What the bot needs of the outside, in our words; adapters and stand-ins provide it.

Every method raises `Refused`, `Transient` or `Permanent` with the act and its target in the text.
"""

from bot.ports.children import Children, NoChildren, Standing
from bot.ports.cloud import Cloud, CloudReader, CloudServers, Created
from bot.ports.people import Chat, People, Posted
from bot.ports.traffic import Directory, NobodyLooks, Probe, Proof, Vantage
from bot.ports.world import Clock, Intents, Pace, World

__all__ = [
    "Chat",
    "Children",
    "Clock",
    "Cloud",
    "CloudReader",
    "CloudServers",
    "Created",
    "Directory",
    "Intents",
    "NoChildren",
    "NobodyLooks",
    "Pace",
    "People",
    "Posted",
    "Probe",
    "Proof",
    "Standing",
    "Vantage",
    "World",
]
