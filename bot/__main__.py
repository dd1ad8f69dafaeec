"""The command line: everything a person can do without Slack, and the programs themselves."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from bot import logs
from bot.cli.around import read_spec_file, settings_of, until_told, with_books, with_core
from bot.errors import IlbotError, Refused

cli = typer.Typer(
    name="ilbot",
    help="The on-call colleague for Apache CloudStack internal load balancers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
operations = typer.Typer(help="Operations: list, show, why, answer.", no_args_is_help=True)
audit = typer.Typer(help="The audit journal.", no_args_is_help=True)
cli.add_typer(operations, name="op")
cli.add_typer(audit, name="audit")

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="ilbot.toml; default: $ILBOT_CONFIG, then ./ilbot.toml"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]


def main() -> None:
    """Run the command line; an expected failure is a sentence and exit code 1."""
    try:
        cli()
    except IlbotError as error:
        sys.stderr.write(f"ilbot: {logs.redact(str(error))}\n")
        sys.exit(1)


@cli.command()
def run(config: Config = None) -> None:
    """Run the bot until it is told to stop."""
    from bot.adapters.kafka import CalmLog
    from bot.app import App

    logs.configure(calm=CalmLog())
    app = App(settings_of(config))
    gc.freeze()  # what is loaded stays; each full look at it would stop the loop for 0.1 s
    until_told(app.run)


@cli.command()
def probe(
    config: Config = None,
    name: Annotated[str, typer.Option(help="Name of this agent; default: the host's.")] = "",
) -> None:
    """Run a probe agent beside the clients: it tells the bot what they would see of a change."""
    from bot.cli.probe import probe as work

    logs.configure()
    settings = settings_of(config)
    until_told(lambda stop: work(settings, name, stop))


@cli.command()
def sample(
    config: Config = None,
    once: Annotated[bool, typer.Option(help="Publish what there is, and end.")] = False,
) -> None:
    """Publish CloudStack's CPU samples of routers and ILB VMs on the CPU topic of Kafka."""
    from bot.adapters.kafka import CalmLog
    from bot.cli.sample import sample as work

    logs.configure(calm=CalmLog())
    settings = settings_of(config)

    async def live(stop: asyncio.Event) -> None:
        published = await work(settings, stop, once=once)
        typer.echo(f"{published} samples published on {settings.cpu.topic}")

    until_told(live)


@cli.command()
def demo(
    scenario: Annotated[str, typer.Option(help="Play one scenario with scripted people.")] = "",
    headless: Annotated[bool, typer.Option(help="No page: play, print the result, end.")] = False,
    as_json: Json = False,
    list_: Annotated[bool, typer.Option("--list", help="Name the scenarios.")] = False,
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 8765,
) -> None:
    """Show the bot at work in a pretend world: nothing but Python is needed."""
    from bot.demo.report import play
    from bot.demo.scenarios import SCENARIOS
    from bot.demo.show import show

    if list_:
        for one in SCENARIOS.values():
            typer.echo(f"{one.name:24} {one.summary}")
        return
    if not scenario and (headless or as_json):
        raise typer.BadParameter("which one? `ilbot demo --list`", param_hint="--scenario")
    if not scenario:
        until_told(lambda stop: show(stop, port))
        return
    if scenario not in SCENARIOS:
        raise typer.BadParameter(f"there is {', '.join(SCENARIOS)}", param_hint="--scenario")
    played = asyncio.run(play(SCENARIOS[scenario]))
    if as_json or headless:
        typer.echo(json.dumps(played.document, indent=2, ensure_ascii=False))
    if not played.as_expected:
        raise typer.Exit(1)


@cli.command()
def sandbox(
    pace: Annotated[float, typer.Option(help="Below 1 the pretend cloud is faster.")] = 1.0,
    cloud_port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    slack_port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    rate_limits: Annotated[float, typer.Option(help="Above 1 Slack allows more.")] = 1.0,
    bus: Annotated[bool, typer.Option(help="Publish the cloud's own events.")] = True,
    parent: Annotated[int, typer.Option(help="End when this process is gone.")] = 0,
) -> None:
    """Serve the pretend world alone: a CloudStack, a Slack, a Kafka broker and a DNS server."""
    from bot.sandbox.server import Wanted, serve

    wanted = Wanted(
        cloud_port=cloud_port, slack_port=slack_port, pace=pace, rate_limits=rate_limits, bus=bus
    )

    async def live(stop: asyncio.Event) -> None:
        serving = asyncio.create_task(serve(wanted, parent=parent))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        serving.cancel()
        try:
            await serving
        except OSError as exc:
            raise Refused(f"The pretend world cannot listen: {exc.strerror}.") from exc
        except asyncio.CancelledError:
            return

    until_told(live)


@cli.command()
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("ilbot.toml"),
    cloudstack: Annotated[
        str, typer.Option(help="A version, as 4.20: write CloudStack's side of Kafka beside it.")
    ] = "",
) -> None:
    """Write commented settings and policies, and CloudStack's side of Kafka if asked to."""
    from bot.cli.init_file import example_policies, init_file
    from bot.cli.kafka_side import MANAGEMENT, kafka_side, write_kafka_side

    is_new = not path.exists()
    if not is_new and not cloudstack:
        sys.stderr.write(f"ilbot: {path} exists and is left alone; name another file\n")
        raise typer.Exit(1)
    if cloudstack:
        files = kafka_side(cloudstack, _settings_for_kafka(path))
        folder = path.parent / "cloudstack-management"
        for written in write_kafka_side(folder, files):
            typer.echo(f"Wrote {written}")
        typer.echo(f"Fill them in and copy them to {MANAGEMENT} on each management server,")
        typer.echo("keeping the folders, then restart cloudstack-management.")
    if is_new:
        path.write_text(init_file(), encoding="utf-8")
        path.chmod(0o600)
        typer.echo(f"Wrote {path}. Fill it in, then: ilbot check --config {path}")
        policies = path.with_name("policies.yaml")
        if not policies.exists():
            policies.write_text(example_policies(), encoding="utf-8")
            policies.chmod(0o600)
            typer.echo(f"Wrote {policies}. It observes; name people and roles when you are ready.")


def _settings_for_kafka(path: Path) -> Any:
    """The brokers and the topic of a file that is there, else the defaults."""
    from bot.settings import Settings
    from bot.settings.load import read_settings

    return read_settings(path, os.environ).settings if path.exists() else Settings()


@cli.command()
def check(config: Config = None, as_json: Json = False) -> None:
    """Try every connection and capability: one line each, with what to do about it."""
    from bot.adapters.clock import SystemClock
    from bot.cli.check import Verdict, document, report
    from bot.cli.check import check as try_all
    from bot.settings.load import read_settings
    from handlers.routes import RUNBOOKS

    logs.configure(level="CRITICAL", readable=True)
    lines = asyncio.run(try_all(read_settings(config, os.environ), RUNBOOKS, SystemClock()))
    if as_json:
        typer.echo(json.dumps(document(lines), indent=2, ensure_ascii=False))
    else:
        typer.echo(report(lines), nl=False)
    if any(line.verdict is Verdict.REFUSED for line in lines):
        raise typer.Exit(1)


@cli.command("config")
def show_config(config: Config = None) -> None:
    """Print the effective settings and where each comes from; secrets are masked."""
    from bot.cli.effective import effective
    from bot.settings.load import read_settings

    typer.echo(effective(read_settings(config, os.environ)))


@cli.command()
def role(
    which: Annotated[str, typer.Argument(help="read or write; without it both.")] = "",
) -> None:
    """Print the CloudMonkey commands that create the reading and the writing role."""
    from bot.cli.roles import ROLES, role_commands

    if which and which not in ROLES:
        raise typer.BadParameter(f"there is {' and '.join(ROLES)}", param_hint="which")
    typer.echo(role_commands(*([which] if which else ROLES)))


@cli.command()
def plan(
    words: Annotated[list[str], typer.Argument(help="As in Slack: roll app-tier version=4.22.0")],
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Plan a change and show it; nothing is stored and nothing is changed."""
    from bot.cli.ask import plan_text
    from handlers.commands import from_shell

    with_core(config, lambda core: plan_text(core, from_shell(words), as_json=as_json))


@cli.command()
def status(
    about: Annotated[str, typer.Argument(help="Zone, VPC, tier, ILB or router; all.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show how ILBs are and what the bot is doing."""
    from bot.cli.ask import status_text

    with_core(config, lambda core: status_text(core, about, as_json=as_json))


@cli.command()
def can(
    target: Annotated[str, typer.Argument(help="ILB VM, VIP, tier, router or VPC.")],
    config: Config = None,
) -> None:
    """Say what can be done to a target, what cannot, why, and what works instead."""
    from bot.cli.ask import can_text

    with_core(config, lambda core: can_text(core, target))


@cli.command()
def advise(
    target: Annotated[str, typer.Argument(help="ILB VM, VIP, tier, router or VPC.")],
    config: Config = None,
    cpu: Annotated[
        float | None, typer.Option(min=0, max=100, help="Percent of its vCPUs, as measured.")
    ] = None,
) -> None:
    """Say what would help a busy machine, by its numbers, and why nothing else would."""
    from bot.cli.ask import advise_text

    with_core(config, lambda core: advise_text(core, target, cpu))


@cli.command()
def provision(
    file: Annotated[Path, typer.Option("--file", "-f", help="The spec; - reads standard input.")],
    ask: Annotated[bool, typer.Option(help="Ask for it, and follow it to its end.")] = False,
    overwrite: Annotated[bool, typer.Option(help="Also what somebody else changed.")] = False,
    because: Annotated[str, typer.Option(help="Why, for the card and the audit journal.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Compare a tier with its spec; with --ask, have it approved in chat and carried out."""
    from bot.cli.provision import Asked, ask_for, show_plan

    if ask and as_json:
        raise Refused("--json shows a plan, and --ask carries one out: say one of them.")
    text, name = read_spec_file(file)
    asked = Asked(text, name, overwrite, because)
    if ask:
        with_core(config, lambda core: ask_for(core, asked, typer.echo))
    else:
        with_core(config, lambda core: show_plan(core, asked, as_json=as_json))


@cli.command()
def export(
    tier: Annotated[str, typer.Argument(help="VPC/TIER, its name or its id.")],
    config: Config = None,
) -> None:
    """Write the spec of what a tier has; provisioning it again finds nothing to do."""
    from bot.cli.provision import export_spec

    with_core(config, lambda core: export_spec(core, tier))


@cli.command()
def drift(
    tier: Annotated[str, typer.Argument(help="VPC/TIER; default: all that are ours.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Say in what provisioned tiers are no longer as ilbot left them; exit 1 where they differ."""
    from bot.cli.provision import drift_text

    with_core(config, lambda core: drift_text(core, tier, as_json=as_json))


@operations.command("list")
def list_operations(config: Config = None, as_json: Json = False) -> None:
    """List operations, newest first."""
    from bot.cli.ask import list_text

    with_books(config, lambda books: list_text(books, as_json=as_json))


@operations.command("show")
def show_operation(operation_id: str, config: Config = None, as_json: Json = False) -> None:
    """Show one operation: plan, decision, steps, outcome."""
    from bot.cli.ask import show_text

    with_core(config, lambda core: show_text(core, operation_id, as_json=as_json))


@operations.command("why")
def why_operation(operation_id: str, config: Config = None) -> None:
    """Say who asked, because of what, who decided, and what became of it."""
    from bot.cli.ask import why_text

    with_core(config, lambda core: why_text(core, operation_id))


@operations.command("answer")
def answer_operation(operation_id: str, config: Config = None) -> None:
    """Say that what a change waits for is done, as its card's button Done does."""
    from bot.cli.elsewhere import answer_text

    with_books(config, lambda books: answer_text(books, operation_id))


@cli.command()
def stop(
    reason: Annotated[str, typer.Argument(help="Why, for everybody to read.")] = "",
    config: Config = None,
) -> None:
    """Stop all changes: nothing new starts, running ones halt at their next safe point."""
    from bot.cli.ask import stop_text
    from bot.services.switch import stop_by_file

    try:
        with_books(config, lambda books: stop_text(books, reason))
    except IlbotError as error:
        before = stop_by_file(settings_of(config).stop_file, error)
        typer.echo(f"All changes are stopped: nothing new starts.\nTo resume, {before}.")


@cli.command()
def resume(config: Config = None) -> None:
    """Let changes start again."""
    from bot.cli.ask import resume_text

    with_books(config, resume_text)


@audit.command("verify")
def verify_audit(config: Config = None) -> None:
    """Walk the audit chain and say whether a row was changed or is missing."""
    from bot.cli.ask import verify_text

    with_books(config, verify_text)


if __name__ == "__main__":
    main()
