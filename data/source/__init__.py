"""Sources of a CRM: folders of files and PostgreSQL."""
