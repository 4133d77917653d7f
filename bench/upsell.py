"""Who buys more, and when: real calls under drift, and the demo company, whose timing is planted.

``python -m bench.upsell [--data FOLDER] [--only bank …]``. Each section tells in its own file how it is measured.
"""

import argparse
from importlib import import_module
from importlib.util import find_spec

from bench.result import COLUMNS, Figures, Rows, Section, measured_on, say
from bench.upsell_bank import bank

SECTIONS: dict[str, Section] = {"bank": bank}


def main() -> None:
    """Run the sections and print what they measured."""
    sections = dict(SECTIONS)
    if find_spec("bench.upsell_demo"):
        sections["demo"] = import_module("bench.upsell_demo").sections
    parser = argparse.ArgumentParser(description=__doc__)
    data, only = measured_on(parser, sections)
    rows: Rows = []
    figures: Figures = {}
    for name in only:
        more, measured = sections[name](data)
        rows += more
        figures |= measured
    say("who buys more", COLUMNS, rows, figures)


if __name__ == "__main__":
    main()
