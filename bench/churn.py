"""Churn and repeat orders on real customers, each data set in a section of its own.

``python -m bench.churn [--data FOLDER] [--only telco cdnow companies]``. The module of a section says how it measures.
"""

from bench.harness.result import Section, run_sections
from bench.sections.churn_companies import companies
from bench.sections.churn_repeats import cdnow
from bench.sections.churn_tables import telco

SECTIONS: dict[str, Section] = {"telco": telco, "cdnow": cdnow, "companies": companies}


def main() -> None:
    """Run the sections and print what they measured."""
    run_sections("churn and repeat orders", __doc__, SECTIONS)


if __name__ == "__main__":
    main()
