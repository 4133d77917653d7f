"""Upsell: real calls under drift, and the demo company, whose purchases and their months are planted.

``python -m bench.upsell [--data FOLDER] [--only bank demo]``. The module of a section says how it measures.
"""

from bench.harness.result import Section, run_sections
from bench.sections.upsell_bank import bank
from bench.sections.upsell_demo import demo

SECTIONS: dict[str, Section] = {"bank": bank, "demo": demo}


def main() -> None:
    """Run the sections and print what they measured."""
    run_sections("upsell", __doc__, SECTIONS)


if __name__ == "__main__":
    main()
