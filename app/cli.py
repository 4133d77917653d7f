"""``gelir``: the command line. It shows and asks; it computes nothing.

What a person can mend is said in one message (what, where, how to mend) with an exit code of its own (``data.errors``);
anything else is a defect of ours and keeps its traceback.
"""

import logging
import sys
import warnings
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from app import check as checks
from app import night_summary
from app import published_tables as tables
from data.errors import GelirError, SettingsError, SourceError
from data.store.views import published_run_id
from flows import settings as told

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Revenue operations: from a CRM to one next best action for each customer, every night.",
)
console = Console()

AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], help="The date the run speaks for; today when left out."),
]
MappingOption = Annotated[str | None, typer.Option("--mapping", help="A shipped mapping, or a folder of SQL files.")]
SourceOption = Annotated[str | None, typer.Option("--source", help="A folder of files, or a database URL.")]
CompanyOption = Annotated[str | None, typer.Option("--company", help="Names the company's models.")]
ScoresOption = Annotated[str | None, typer.Option("--scores", help="URL of the database that holds the scores.")]
ModelName = Annotated[str, typer.Argument(help="A model, by its name: churn, win, …")]


@app.command()
def nightly(
    as_of: AsOf = None,
    mapping: MappingOption = None,
    source: SourceOption = None,
    company: CompanyOption = None,
    scores: ScoresOption = None,
    attempt: Annotated[int, typer.Option(help="Raise it to make the same night anew.", min=1)] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Make the demo company first, once a day.")] = False,
) -> None:
    """Run the night: read, check, score, choose, publish."""
    settings = told.load_settings(mapping=mapping, source=source, company=company, scores=scores)
    told.prepare_environment(settings)
    with ExitStack() as held:
        if demo:
            from app.demo import make
            from flows.worker_pool import worker_pool
            from flows.worker_tasks import import_models

            held.enter_context(worker_pool(import_models))  # they import what the night needs while the company is made
            make(console.print, settings, if_missing=True)
        from flows.run import Run

        begun = Run.begin(as_of.date() if as_of else None, settings, attempt=attempt)  # what makes no sense stops here
        before = published_run_id(tables.store(settings))
        from flows.startup import night_services

        with console.status("starting the night …"), night_services():
            from flows.nightly import nightly as night

            run_id = night(begun.dates.as_of, settings, attempt)
    night_summary.show(console, settings, run_id, before)


@app.command()
def train(
    as_of: AsOf = None,
    mapping: MappingOption = None,
    source: SourceOption = None,
    company: CompanyOption = None,
) -> None:
    """Train a challenger for every model now; a champion changes only when the challenger is better."""
    settings = told.load_settings(mapping=mapping, source=source, company=company)
    told.prepare_environment(settings)
    from flows.startup import night_services

    with console.status("starting the training …"), night_services():
        from flows.training import training

        run_id = training(as_of.date() if as_of else None, settings)
    night_summary.show_learnt(console, settings, run_id)


@app.command()
def tune(
    model: ModelName,
    minutes: Annotated[float | None, typer.Option(help="End after so many minutes; 10 when nothing is said.")] = None,
    trials: Annotated[int | None, typer.Option(help="End after so many trials.", min=1)] = None,
    as_of: AsOf = None,
    mapping: MappingOption = None,
    source: SourceOption = None,
    company: CompanyOption = None,
) -> None:
    """Search for better parameters of a model within a budget; what is found must win its place like any challenger."""
    if minutes is not None and minutes <= 0:
        raise SettingsError(f"{minutes} minutes are none", where="--minutes", remedy="name more than 0")
    settings = told.load_settings(mapping=mapping, source=source, company=company)
    told.prepare_environment(settings)
    from flows.startup import night_services

    with console.status("starting the tuning …"), night_services():
        from flows.tuning import tuning
        from models.training.tuning import Budget

        budget = Budget(trials, 10.0 if minutes is None and trials is None else minutes)
        run_id = tuning(model, budget, as_of.date() if as_of else None, settings)
    night_summary.show_learnt(console, settings, run_id)


@app.command()
def compare(
    model: ModelName,
    first: Annotated[str | None, typer.Argument(help="A version: 3 or v3; the champion when left out.")] = None,
    second: Annotated[str | None, typer.Argument(help="Another one; the latest when left out.")] = None,
    mapping: MappingOption = None,
    company: CompanyOption = None,
    scores: ScoresOption = None,
) -> None:
    """Show two versions of a model side by side."""
    settings = told.load_settings(mapping=mapping, company=company, scores=scores)
    from app import model_versions as versions

    versions.compare(console, settings, model, first, second)


@app.command()
def champion(
    model: ModelName,
    version: Annotated[str | None, typer.Argument(help="The version that shall score: 3 or v3.")] = None,
    release: Annotated[bool, typer.Option("--release", help="Let challengers take the place again.")] = False,
    mapping: MappingOption = None,
    company: CompanyOption = None,
    scores: ScoresOption = None,
) -> None:
    """List a model's versions, or go back to one of them: it is held until released."""
    settings = told.load_settings(mapping=mapping, company=company, scores=scores)
    from app import model_versions as versions

    if version is not None:
        versions.choose(console, settings, model, version)
    elif release:
        versions.release(console, settings, model)
    else:
        versions.champions(console, settings, model)


@app.command()
def replay(
    run: Annotated[str, typer.Argument(help="The run whose scores are made again; `gelir runs` lists them.")],
    mapping: MappingOption = None,
    source: SourceOption = None,
    company: CompanyOption = None,
    scores: ScoresOption = None,
) -> None:
    """Score a night again with the versions that it used, and compare. Nothing is published."""
    settings = told.load_settings(mapping=mapping, source=source, company=company, scores=scores)
    told.prepare_environment(settings)
    from flows.startup import night_services

    with console.status("starting the replay …"), night_services():
        from flows.replay import replay as again

        run_id = again(run, settings)
    night_summary.show_replayed(console, settings, run, run_id)


@app.command()
def show(
    view: Annotated[
        str | None, typer.Argument(help="A view of the scoring table; all are listed when left out.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many rows.", min=1)] = 10,
    every: Annotated[bool, typer.Option("--all", help="Every column, one row after the other.")] = False,
    part: Annotated[
        str | None, typer.Option("--slice", help="Of KPIs: total (when left out), region:NAME, segment:NAME.")
    ] = None,
    scores: ScoresOption = None,
) -> None:
    """Show what is published: the list of views, or the first rows of one."""
    settings = told.load_settings(scores=scores)
    tables.show(console, settings, view, limit, every, part)


@app.command()
def scenario(
    price: Annotated[float, typer.Option(help="Prices, by so many per cent.")] = 0.0,
    churn: Annotated[float, typer.Option(help="The chance of contracts to end.")] = 0.0,
    win: Annotated[float, typer.Option(help="The chance of deals to be won.")] = 0.0,
    hiring: Annotated[float, typer.Option(help="People who sell, and the deals that they create.")] = 0.0,
    scores: ScoresOption = None,
) -> None:
    """Show what the published number would be if prices, churn, win rates or hiring were others."""
    settings = told.load_settings(scores=scores)
    from app import scenario as scenarios

    scenarios.show(console, settings, price=price, churn=churn, win=win, hiring=hiring)


@app.command()
def runs(scores: ScoresOption = None) -> None:
    """List the runs, the latest first; the published one is marked."""
    tables.runs(console, told.load_settings(scores=scores))


@app.command()
def rollback(
    run: Annotated[str, typer.Argument(help="The run that readers shall see again; `gelir runs` lists them.")],
    scores: ScoresOption = None,
) -> None:
    """Make an earlier run's rows the ones that readers see, at once."""
    tables.rollback(console, told.load_settings(scores=scores), run)


@app.command()
def schedule() -> None:
    """Serve the night: once per night at the set time of the company's zone, until stopped."""
    settings = told.load_settings()
    told.prepare_environment(settings)
    from flows.schedule import serve

    serve(settings)


@app.command()
def demo(
    size: Annotated[float, typer.Option(help="1 is about 1,200 accounts.", min=0.05)] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same company.")] = 7,
    folder: Annotated[Path | None, typer.Option(help="Where to write; var/demo when left out.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="Its last instant (UTC); now when left out.")
    ] = None,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Keep the one that is there.")] = False,
) -> None:
    """Make the demo company: a CRM with planted truth and planted trouble."""
    settings = told.load_settings()
    from app.demo import make

    make(console.print, settings, size=size, seed=seed, folder=folder, until=until, if_missing=if_missing)


@app.command()
def init() -> None:
    """Write a commented gelir.toml to start from."""
    file = Path.cwd() / told.FILE_NAME
    if file.exists():
        raise SettingsError(
            "a settings file is there already", where=str(file), remedy="edit it, or move it away first"
        )
    file.write_text(told.EXAMPLE, encoding="utf-8")
    console.print(f"wrote {file}; every line in it is a default, change what differs and run [bold]gelir check[/bold]")


@app.command()
def prepare() -> None:
    """Make or migrate the databases of Prefect and MLflow, so that no night waits for it. Part of `make install`."""
    settings = told.load_settings()
    told.prepare_environment(settings)
    from flows.startup import create_databases

    create_databases(settings)


@app.command()
def check() -> None:
    """Tell whether the settings work: the mapping, the source, the scoring table, MLflow's folder."""
    if not checks.show(console, told.load_settings()):
        raise typer.Exit(SourceError.exit_code)


def main() -> None:
    """Run the command line; leave with the exit code of what went wrong."""
    handler = RichHandler(console=Console(stderr=True), show_level=False, show_path=False, log_time_format="%H:%M:%S")
    logger = logging.getLogger("gelir")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False  # Prefect gives the root a handler of its own
    if not sys.warnoptions:  # what libraries warn of is for developers, who see it in the tests
        warnings.simplefilter("ignore")
    try:
        app(prog_name="gelir")
    except GelirError as error:
        complaint = Console(stderr=True)
        complaint.print(f"[bold red]{type(error).__name__}[/] ", end="")
        complaint.print(str(error), markup=False, highlight=False)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
