"""How one kind of CRM becomes the contract."""
