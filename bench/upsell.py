"""Who buys more, and when: real calls under drift, and the demo company, whose timing is planted.

``python -m bench.upsell [--data FOLDER] [--only bank …]``. Each section tells in its own file how it is measured.
"""

import argparse

from bench.harness.result import COLUMNS, Figures, Rows, Section, measured_on, say
from bench.upsell_bank import bank
from bench.upsell_demo import sections as demo

SECTIONS: dict[str, Section] = {"bank": bank, "demo": demo}


def main() -> None:
    """Run the sections and print what they measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    data, only = measured_on(parser, SECTIONS)
    rows: Rows = []
    figures: Figures = {}
    for name in only:
        more, measured = SECTIONS[name](data)
        rows += more
        figures |= measured
    say("who buys more", COLUMNS, rows, figures)


if __name__ == "__main__":
    main()
