"""``gelir``: the command line. It shows and asks; it computes nothing.

An error that a person can remedy is one message with an exit code of its own (``data.errors``); any other exception is
a defect and keeps its traceback. Commands import what they need inside, so that ``--help`` answers at once.
"""

import logging
import sys
import warnings
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from flows.settings import Settings

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
ScoresOption = Annotated[str | None, typer.Option("--scores", help="URL of the scoring database.")]
ModelName = Annotated[str, typer.Argument(help="A model, by its name: churn, win, …")]


def _settings(*, for_run: bool = False, **options: Any) -> "Settings":
    """The settings in force; ``for_run`` also prepares the environment of libraries that a run imports."""
    from flows.settings import load_settings, prepare_environment

    settings = load_settings(**options)
    if for_run:
        prepare_environment(settings)
    return settings


@app.command()
def nightly(
    as_of: AsOf = None,
    mapping: MappingOption = None,
    source: SourceOption = None,
    company: CompanyOption = None,
    scores: ScoresOption = None,
    attempt: Annotated[int, typer.Option(help="Raise it to run the same night again.", min=1)] = 1,
    demo: Annotated[bool, typer.Option("--demo", help="Write the demo company first, once a day.")] = False,
) -> None:
    """Run the night: read, validate, score, decide, publish."""
    settings = _settings(for_run=True, mapping=mapping, source=source, company=company, scores=scores)
    with ExitStack() as stack:
        if demo:
            from app.demo import write_company
            from flows.worker_pool import worker_pool
            from flows.worker_tasks import import_models

            stack.enter_context(worker_pool(import_models))  # the workers import while the company is written
            console.print(write_company(settings, if_missing=True))
        from data.store.views import open_store, published_run_id
        from flows.run import Run
        from flows.startup import night_services

        run = Run.begin(as_of.date() if as_of else None, settings, attempt=attempt)  # wrong settings stop here
        with open_store(settings.scores_url) as store:
            readers_saw = published_run_id(store)
        with console.status("starting the night …"), night_services():
            from flows.nightly import nightly as night

            run_id = night(run.dates.as_of, settings, attempt)
    from app import night_summary

    night_summary.show(console, settings, run_id, readers_saw)


@app.command()
def train(
    as_of: AsOf = None,
    mapping: MappingOption = None,
    source: SourceOption = None,
    company: CompanyOption = None,
) -> None:
    """Train a challenger for every model now; a champion changes only when the challenger is better."""
    settings = _settings(for_run=True, mapping=mapping, source=source, company=company)
    from flows.startup import night_services

    with console.status("starting the training …"), night_services():
        from flows.training import training

        run_id = training(as_of.date() if as_of else None, settings)
    from app.run_summaries import show_training

    show_training(console, settings, run_id)


@app.command()
def tune(
    model: ModelName,
    minutes: Annotated[float | None, typer.Option(help="End after so many minutes; 10 by default.")] = None,
    trials: Annotated[int | None, typer.Option(help="End after so many trials.", min=1)] = None,
    as_of: AsOf = None,
    mapping: MappingOption = None,
    source: SourceOption = None,
    company: CompanyOption = None,
) -> None:
    """Search for better parameters of a model within a budget; the best become a challenger like any other."""
    from data.errors import SettingsError

    if minutes is not None and minutes <= 0:
        raise SettingsError(f"a search of {minutes} minutes is too short", where="--minutes", remedy="name more than 0")
    settings = _settings(for_run=True, mapping=mapping, source=source, company=company)
    from flows.startup import night_services

    with console.status("starting the tuning …"), night_services():
        from flows.tuning import tuning
        from models.training.tuning import Budget

        budget = Budget(trials, 10.0 if minutes is None and trials is None else minutes)
        run_id = tuning(model, budget, as_of.date() if as_of else None, settings)
    from app.run_summaries import show_training

    show_training(console, settings, run_id)


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
    from app import model_versions

    model_versions.compare(console, _settings(mapping=mapping, company=company, scores=scores), model, first, second)


@app.command()
def champion(
    model: ModelName,
    version: Annotated[str | None, typer.Argument(help="The version that shall score: 3 or v3.")] = None,
    release: Annotated[bool, typer.Option("--release", help="Let better challengers become champion again.")] = False,
    mapping: MappingOption = None,
    company: CompanyOption = None,
    scores: ScoresOption = None,
) -> None:
    """List a model's versions, or go back to one of them: it is pinned until released."""
    from app import model_versions

    settings = _settings(mapping=mapping, company=company, scores=scores)
    if version is not None:
        model_versions.pin(console, settings, model, version)
    elif release:
        model_versions.release(console, settings, model)
    else:
        model_versions.list_versions(console, settings, model)


@app.command()
def replay(
    run: Annotated[str, typer.Argument(help="The run to score again; `gelir runs` lists them.")],
    mapping: MappingOption = None,
    source: SourceOption = None,
    company: CompanyOption = None,
    scores: ScoresOption = None,
) -> None:
    """Score a night again with the versions that it used, and compare. Nothing is published."""
    settings = _settings(for_run=True, mapping=mapping, source=source, company=company, scores=scores)
    from flows.startup import night_services

    with console.status("starting the replay …"), night_services():
        from flows.replay import replay as replay_flow

        run_id = replay_flow(run, settings)
    from app.run_summaries import show_replay

    show_replay(console, settings, run, run_id)


@app.command()
def show(
    view: Annotated[
        str | None, typer.Argument(help="A view of the scoring database; all are listed when left out.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="How many rows; 10 by default, all with --csv.", min=1)] = None,
    columns: Annotated[str | None, typer.Option(help="The columns to show: a,b,c.")] = None,
    wide: Annotated[bool, typer.Option("--wide", help="More columns, and every reason.")] = False,
    all_columns: Annotated[bool, typer.Option("--all", help="Every column, one row after the other.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Raw values as CSV, to be piped into a file.")] = False,
    kpi_slice: Annotated[
        str | None, typer.Option("--slice", help="Of KPIs: total (when left out), region:NAME, segment:NAME.")
    ] = None,
    scores: ScoresOption = None,
) -> None:
    """Show what is published: the list of views, or the first rows of one."""
    from app import published_tables

    names = tuple(name.strip() for name in columns.split(",") if name.strip()) if columns else ()
    request = published_tables.Request(view, limit, names, wide, all_columns, csv, kpi_slice)
    published_tables.show(console, _settings(scores=scores), request)


@app.command()
def scenario(
    price: Annotated[float, typer.Option(help="Change of prices, in per cent.")] = 0.0,
    churn: Annotated[float, typer.Option(help="Change of the probability that contracts end, in per cent.")] = 0.0,
    win: Annotated[float, typer.Option(help="Change of the probability that deals are won, in per cent.")] = 0.0,
    hiring: Annotated[float, typer.Option(help="Change of the number of sellers and their deals, in per cent.")] = 0.0,
    scores: ScoresOption = None,
) -> None:
    """Show what the published revenue forecast would be with other prices, churn, win rates or hiring."""
    from app import scenario as scenarios

    scenarios.show(console, _settings(scores=scores), price=price, churn=churn, win=win, hiring=hiring)


@app.command()
def runs(scores: ScoresOption = None) -> None:
    """List the runs, the latest first; the published one is marked."""
    from app import published_tables

    published_tables.runs(console, _settings(scores=scores))


@app.command()
def rollback(
    run: Annotated[str, typer.Argument(help="The run that readers shall see again; `gelir runs` lists them.")],
    scores: ScoresOption = None,
) -> None:
    """Make an earlier run's rows the ones that readers see, at once."""
    from app import published_tables

    published_tables.rollback(console, _settings(scores=scores), run)


@app.command()
def schedule() -> None:
    """Serve the night: once per night at the set time of the company's zone, until stopped."""
    settings = _settings(for_run=True)
    from flows.schedule import serve

    serve(settings)


@app.command()
def demo(
    size: Annotated[float, typer.Option(help="1 is about 1,200 accounts.", min=0.05)] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same company.")] = 7,
    folder: Annotated[Path | None, typer.Option(help="Where to write; var/demo when left out.")] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="Its last instant (UTC); now when left out.")
    ] = None,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Keep the company that is there.")] = False,
) -> None:
    """Write the demo company: a CRM with planted truth and planted defects."""
    from app.demo import write_company

    console.print(write_company(_settings(), size=size, seed=seed, folder=folder, until=until, if_missing=if_missing))


@app.command()
def init() -> None:
    """Write a commented gelir.toml to start from."""
    from data.errors import SettingsError
    from flows.settings import EXAMPLE, FILE_NAME

    file = Path.cwd() / FILE_NAME
    if file.exists():
        raise SettingsError("a settings file exists already", where=str(file), remedy="edit it, or move it away first")
    file.write_text(EXAMPLE, encoding="utf-8")
    console.print(f"wrote {file}; every line is a default, change what differs and run [bold]gelir check[/]")


@app.command()
def prepare() -> None:
    """Create or migrate the databases of Prefect and MLflow, so that no night waits for it. Part of `make install`."""
    settings = _settings(for_run=True)
    from flows.startup import create_databases

    create_databases(settings)


@app.command()
def check() -> None:
    """Check the settings: the mapping, the source, the scoring database, the folders, MLflow."""
    from app import check as checks
    from data.errors import SourceError

    if not checks.show(console, _settings()):
        raise typer.Exit(SourceError.exit_code)


def main() -> None:
    """Run the command line; exit with the code of the error."""
    from data.errors import GelirError

    _configure_logging()
    if not sys.warnoptions:  # warnings of libraries are for developers, who see them in the tests
        warnings.simplefilter("ignore")
    try:
        app(prog_name="gelir")
    except GelirError as error:
        stderr = Console(stderr=True)
        stderr.print(f"[bold red]{type(error).__name__}[/] ", end="")
        stderr.print(str(error), markup=False, highlight=False)
        sys.exit(error.exit_code)


def _configure_logging() -> None:
    """Log steps to standard error, on one line each."""
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(stderr=True), show_level=False, show_path=False, log_time_format="%H:%M:%S")
    logger = logging.getLogger("gelir")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    logger.propagate = False  # Prefect gives the root logger a handler of its own


if __name__ == "__main__":
    main()
