"""Who leaves and who comes back, on real customers.

``python -m bench.churn [--data FOLDER] [--only telco cdnow …]``. Each section tells in its own file how it is measured.
"""

import argparse
from importlib import import_module
from importlib.util import find_spec

from bench.churn_repeats import cdnow
from bench.churn_tables import telco
from bench.harness.result import COLUMNS, Figures, Rows, Section, measured_on, say

SECTIONS: dict[str, Section] = {"telco": telco, "cdnow": cdnow}


def main() -> None:
    """Run the sections and print what they measured."""
    sections = dict(SECTIONS)
    if find_spec("bench.churn_companies"):
        sections["companies"] = import_module("bench.churn_companies").sections
    parser = argparse.ArgumentParser(description=__doc__)
    data, only = measured_on(parser, sections)
    rows: Rows = []
    figures: Figures = {}
    for name in only:
        more, measured = sections[name](data)
        rows += more
        figures |= measured
    say("who leaves, and who comes back", COLUMNS, rows, figures)


if __name__ == "__main__":
    main()
