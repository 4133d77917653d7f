"""Responses to past e-mails, the evaluation of their hours, and the best windows of a contact's week."""
