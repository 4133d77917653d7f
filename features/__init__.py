"""What is known of an account, a contact or a deal as of a date, and what became of it after.

Everything here takes a spine: a table of (entity, ``as_of``, ``as_of_at``) for which something is wanted. The features
of today and the training rows of any past date are made by the same functions, from rows that were known before each
spine row's own instant. ``labels`` alone looks past a date, and refuses a window that the data does not cover yet.

    spine            which entities, at which dates
    past             facts joined to a spine, cut as each spine row knew them
    accounts         one row of features per account and date; its families lie beside it (orders, usage, …)
    opportunities    one row of features per open deal and date
    contacts         one row per person and date: engagement, e-mail, time zone, consent
    owned, baskets   what an account has, and what it bought
    sends            what was sent to whom at which hour, and whether a person answered
    series           revenue per node of the hierarchy and period
    labels           what became of them
    engineer         the step of the night that writes today's features
"""
