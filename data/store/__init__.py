"""The scoring database: migrations, publishing, views and ledgers."""
