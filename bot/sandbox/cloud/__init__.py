"""A pretend CloudStack 4.22: a world with a clock, its API over ASGI, and hands to break it."""

from bot.sandbox.cloud.app import create_app
from bot.sandbox.cloud.build import KeyPair
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.sandbox.cloud.latencies import Latencies
from bot.sandbox.cloud.model import Refusal
from bot.sandbox.cloud.seed import ADMIN, DOMAIN_ADMIN, READ_ONLY, seed_demo
from bot.sandbox.cloud.world import World

__all__ = [
    "ADMIN",
    "DOMAIN_ADMIN",
    "READ_ONLY",
    "Fault",
    "FaultKind",
    "KeyPair",
    "Latencies",
    "Refusal",
    "World",
    "create_app",
    "seed_demo",
]
