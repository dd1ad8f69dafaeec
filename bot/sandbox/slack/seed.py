"""Turn a short description of a workspace into the people, channels and app that live in it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the workspace; the bot's own user is one too (`is_bot`)."""

    id: str
    name: str
    real_name: str
    title: str = ""
    email: str | None = None
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A conversation; a direct message has no name, `is_im` and two members."""

    id: str
    name: str
    members: tuple[str, ...]
    topic: str = ""
    is_im: bool = False


@dataclass(frozen=True, slots=True)
class UserGroup:
    id: str
    handle: str
    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command as the app's manifest declares it."""

    name: str
    description: str
    usage_hint: str = ""


SCOPES = ("app_mentions:read", "chat:write", "commands", "files:write")


@dataclass(frozen=True, slots=True)
class App:
    """The installed app: its ids, its tokens, and the commands and scopes of its manifest."""

    id: str
    bot_id: str
    user: Person
    bot_token: str
    app_token: str
    verification_token: str
    commands: tuple[Command, ...]
    scopes: tuple[str, ...] = SCOPES


@dataclass(frozen=True, slots=True)
class Seed:
    """Everything a workspace starts with."""

    team_id: str
    team_name: str
    team_domain: str
    people: tuple[Person, ...]
    channels: tuple[Channel, ...]
    app: App
    groups: tuple[UserGroup, ...] = field(default=())


ANA = Person("U0ANA00001", "ana", "Ana Lima", "Platform engineer", "ana@example.org")
BRUNO = Person("U0BRUNO001", "bruno", "Bruno Costa", "Network lead", "bruno@example.org")
CHEN = Person("U0CHEN0001", "chen", "Chen Wei", "Cloud operations", "chen@example.org")
DORA = Person("U0DORA0001", "dora", "Dora Novak", "Billing team", "dora@example.org")


ILB = Command(
    "/ilb",
    "Ask about or change an internal load balancer",
    "help | status | diagnose web | pair web",
)

# Not secrets: they open nothing but this pretend workspace, and stand in its documentation.
BOT_TOKEN = "xoxb-sandbox-bot"  # noqa: S105
APP_TOKEN = "xapp-sandbox-app"  # noqa: S105
VERIFICATION_TOKEN = "sandbox-verification"  # noqa: S105


def default_seed(
    *,
    bot_token: str = BOT_TOKEN,
    app_token: str = APP_TOKEN,
    commands: tuple[Command, ...] = (ILB,),
    bot_name: str = "ilbot",
) -> Seed:
    """Describe the workspace of the demo: one who asks, two who approve, one with no rights."""
    people = (ANA, BRUNO, CHEN, DORA)
    bot = Person("U0ILBOT001", bot_name, bot_name, "App", is_bot=True)
    everyone = tuple(person.id for person in (*people, bot))
    return Seed(
        team_id="T0SANDBOX1",
        team_name="Sandbox",
        team_domain="sandbox",
        people=people,
        channels=(
            Channel("C0ILBOPS01", "ilb-ops", everyone, "Internal load balancers: changes, alerts"),
            Channel("C0GENERAL1", "general", everyone, "Everything else"),
        ),
        app=App(
            id="A0ILBOT001",
            bot_id="B0ILBOT001",
            user=bot,
            bot_token=bot_token,
            app_token=app_token,
            verification_token=VERIFICATION_TOKEN,
            commands=commands,
        ),
        groups=(UserGroup("S0APPROVE1", "ilb-approvers", "ILB approvers", (BRUNO.id, CHEN.id)),),
    )
