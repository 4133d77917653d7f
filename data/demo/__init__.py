"""The demo company: a seeded simulator of every contract table, with its truth written apart. See ``docs/demo.md``."""

from data.demo.write import DemoSummary, write_demo

__all__ = ["DemoSummary", "write_demo"]
