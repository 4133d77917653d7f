"""What comes in and what goes out: contract, mappings, reading, validation, identity, the lake, the scoring table."""
