"""Features, labels and revenue series of a company, as of any date.

Everything here takes a spine: a table of (entity, ``as_of``, ``as_of_at``) for which something is wanted. The features
of today and the training rows of past dates come from the same functions, and from facts known before each spine row's
own instant. Only ``labels`` looks past a date, and it refuses a window that the data does not cover yet.

    company          the snapshot of a company and its settings
    spine            which entities, at which dates
    point_in_time    facts joined to a spine, as known at each date
    feature_table    families of features joined to a spine
    order_lines      which order lines count as net, and as sales
    responses        what counts as a response of a person
    accounts         features of accounts by family, and whether an account is active
    contacts         engagement, e-mail sends, time zone and consent of people
    subscriptions    features of subscriptions, their succession, and revenue accrued by day
    opportunities    features of open deals, and their values as of a date
    products         purchases and ownership
    revenue          revenue per node of a hierarchy and period, and the bookings it comes from
    labels           what happened after a date
    engineer         the step of the night that writes today's features
"""
