"""Where a CRM lies: folders of files and PostgreSQL."""
