"""The contract: the tables, columns, keys and constraints that a CRM meets once it is mapped.

Reading, validation, the as-of cut, the demo company, the docs and the tests derive from it. Money is in the one
reporting currency; instants are naive UTC, days are the company's.
"""

from data.schema import Column, Table

ACCOUNTS = Table(
    "accounts",
    "One row per account: a company, or a person where people are the customers.",
    ("account_id",),
    (
        Column("account_id", required=True),
        Column("name"),
        Column("domain"),
        Column("industry"),
        Column("segment"),
        Column("region"),
        Column("country"),
        Column("employees", "integer", minimum=0),
        Column("parent_account_id", references="accounts"),
        Column("owner_id", references="owners"),
        Column("created_at", "timestamp"),
    ),
    happened_at="created_at",
)

CONTACTS = Table(
    "contacts",
    "One row per person at an account.",
    ("contact_id",),
    (
        Column("contact_id", required=True),
        Column("account_id", references="accounts"),
        Column("first_name"),
        Column("last_name"),
        Column("email"),
        Column("phone"),
        Column("title"),
        Column("country"),
        Column("timezone"),
        Column("created_at", "timestamp"),
    ),
    happened_at="created_at",
)

CONSENTS = Table(
    "consents",
    "One row per decision of a contact about one channel and one purpose; the latest known one counts.",
    ("contact_id", "channel", "purpose", "recorded_at"),
    (
        Column("contact_id", required=True, references="contacts"),
        Column("channel", required=True),
        Column("purpose", required=True, one_of=("marketing", "transactional")),
        Column("recorded_at", "timestamp", required=True),
        Column("status", required=True, one_of=("granted", "withdrawn")),
        Column("source"),
    ),
    happened_at="recorded_at",
)

PRODUCTS = Table(
    "products",
    "One row per product that can be sold; tiers of one family are products of their own.",
    ("product_id",),
    (
        Column("product_id", required=True),
        Column("name"),
        Column("family"),
        Column("tier", "integer", minimum=0),
        Column("list_price", "number", minimum=0),
        Column("margin_rate", "number", minimum=-1, maximum=1),
        Column("recurring", "boolean"),
        Column("replaces_product_id", references="products"),
        Column("requires_product_id", references="products"),
        Column("active_from", "date"),
        Column("active_to", "date", after="active_from"),
        Column("in_stock", "boolean"),
    ),
)

ORDERS = Table(
    "orders",
    "One row per line of an order. A return is a line of its own, dated when it came back, with negative amounts.",
    ("order_id", "line_id"),
    (
        Column("order_id", required=True),
        Column("line_id", required=True),
        Column("account_id", required=True, references="accounts"),
        Column("contact_id", references="contacts"),
        Column("product_id", required=True, references="products"),
        Column("quantity", "number"),
        Column("amount", "number", required=True),
        Column("currency"),
        Column("ordered_at", "timestamp", required=True),
        Column("status", required=True, one_of=("placed", "cancelled", "returned")),
    ),
    happened_at="ordered_at",
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    "One row per subscription of an account to a product; a change of price or seats ends one and starts the next.",
    ("subscription_id",),
    (
        Column("subscription_id", required=True),
        Column("account_id", required=True, references="accounts"),
        Column("product_id", references="products"),
        Column("seats", "number", minimum=0),
        Column("mrr", "number", required=True, minimum=0),
        Column("started_at", "timestamp", required=True),
        Column("term_ends_at", "timestamp", after="started_at"),
        Column("ended_at", "timestamp", after="started_at", revealed_by="ended_at"),
        Column("end_reason", revealed_by="ended_at"),
        Column("auto_renew", "boolean"),
    ),
    happened_at="started_at",
)

OPPORTUNITIES = Table(
    "opportunities",
    "One row per deal, in the state it had when it was last known.",
    ("opportunity_id",),
    (
        Column("opportunity_id", required=True),
        Column("account_id", references="accounts"),
        Column("owner_id", references="owners"),
        Column("product_id", references="products"),
        Column("kind", one_of=("new", "expansion", "renewal")),
        Column("source"),
        Column("stage"),
        Column("amount", "number", minimum=0),
        Column("created_at", "timestamp", required=True),
        Column("expected_close_at", "timestamp"),
        Column("closed_at", "timestamp", after="created_at", revealed_by="closed_at"),
        Column("outcome", one_of=("won", "lost"), revealed_by="closed_at"),
        Column("lost_reason", revealed_by="closed_at"),
    ),
    happened_at="created_at",
)

OPPORTUNITY_CHANGES = Table(
    "opportunity_changes",
    "One row per change of one field of a deal; the first value of a field is a change from nothing.",
    ("opportunity_id", "changed_at", "field"),
    (
        Column("opportunity_id", required=True, references="opportunities"),
        Column("changed_at", "timestamp", required=True),
        Column("field", required=True),
        Column("old_value"),
        Column("new_value"),
    ),
    happened_at="changed_at",
)

CAMPAIGNS = Table(
    "campaigns",
    "One row per campaign.",
    ("campaign_id",),
    (
        Column("campaign_id", required=True),
        Column("name"),
        Column("channel"),
        Column("purpose", one_of=("marketing", "transactional")),
        Column("product_id", references="products"),
        Column("cost", "number", minimum=0),
        Column("started_at", "timestamp"),
        Column("ended_at", "timestamp", after="started_at"),
    ),
    happened_at="started_at",
)

TOUCHES = Table(
    "touches",
    "One row per event between a campaign and a person; opens by machines are marked.",
    ("touch_id",),
    (
        Column("touch_id", required=True),
        Column("contact_id", required=True, references="contacts"),
        Column("campaign_id", references="campaigns"),
        Column("channel"),
        Column(
            "kind",
            required=True,
            one_of=(
                "sent",
                "delivered",
                "bounced",
                "opened",
                "clicked",
                "replied",
                "unsubscribed",
                "attended",
                "form_submitted",
            ),
        ),
        Column("machine", "boolean"),
        Column("happened_at", "timestamp", required=True),
        Column("propensity", "number", minimum=0, maximum=1),
    ),
    happened_at="happened_at",
)

ACTIVITIES = Table(
    "activities",
    "One row per activity of an owner with an account.",
    ("activity_id",),
    (
        Column("activity_id", required=True),
        Column("account_id", references="accounts"),
        Column("contact_id", references="contacts"),
        Column("owner_id", references="owners"),
        Column("kind", required=True, one_of=("call", "meeting", "email", "note")),
        Column("happened_at", "timestamp", required=True),
    ),
    happened_at="happened_at",
)

TICKETS = Table(
    "tickets",
    "One row per support ticket.",
    ("ticket_id",),
    (
        Column("ticket_id", required=True),
        Column("account_id", required=True, references="accounts"),
        Column("contact_id", references="contacts"),
        Column("priority"),
        Column("opened_at", "timestamp", required=True),
        Column("closed_at", "timestamp", after="opened_at", revealed_by="closed_at"),
        Column("satisfaction", "number", revealed_by="closed_at"),
        Column("escalated", "boolean"),
    ),
    happened_at="opened_at",
)

USAGE = Table(
    "usage",
    "One row per account, product and day of use.",
    ("account_id", "product_id", "day"),
    (
        Column("account_id", required=True, references="accounts"),
        Column("product_id", required=True, references="products"),
        Column("day", "date", required=True),
        Column("active_users", "number", minimum=0),
        Column("events", "number", minimum=0),
    ),
    happened_at="day",
)

INVOICES = Table(
    "invoices",
    "One row per invoice.",
    ("invoice_id",),
    (
        Column("invoice_id", required=True),
        Column("account_id", required=True, references="accounts"),
        Column("subscription_id", references="subscriptions"),
        Column("amount", "number", required=True),
        Column("currency"),
        Column("issued_at", "timestamp", required=True),
        Column("due_at", "timestamp", after="issued_at"),
        Column("paid_at", "timestamp", revealed_by="paid_at"),
    ),
    happened_at="issued_at",
)

COSTS = Table(
    "costs",
    "One row per month and team: what sales, marketing and success cost. Dated by the month's last day.",
    ("month", "team"),
    (
        Column("month", "date", required=True),
        Column("team", required=True),
        Column("amount", "number", required=True, minimum=0),
    ),
    happened_at="month",
)

OWNERS = Table(
    "owners",
    "One row per employee who owns accounts or deals.",
    ("owner_id",),
    (
        Column("owner_id", required=True),
        Column("name"),
        Column("email"),
        Column("team"),
        Column("manager_id", references="owners"),
        Column("timezone"),
        Column("weekly_hours", "number", minimum=0, maximum=168),
    ),
)

RESPONSES = Table(
    "responses",
    "One row per response of a person to a proposed action.",
    ("action_id", "responded_at"),
    (
        Column("action_id", required=True),
        Column("responded_at", "timestamp", required=True),
        Column("actor"),
        Column("response", required=True, one_of=("accepted", "done", "dismissed", "overridden")),
        Column("reason"),
        Column("until", "timestamp"),
    ),
    happened_at="responded_at",
)

CONTRACT: tuple[Table, ...] = (
    ACCOUNTS,
    CONTACTS,
    CONSENTS,
    PRODUCTS,
    ORDERS,
    SUBSCRIPTIONS,
    OPPORTUNITIES,
    OPPORTUNITY_CHANGES,
    CAMPAIGNS,
    TOUCHES,
    ACTIVITIES,
    TICKETS,
    USAGE,
    INVOICES,
    COSTS,
    OWNERS,
    RESPONSES,
)
"""Every table; referenced tables come first where the order allows."""

TABLES: dict[str, Table] = {table.name: table for table in CONTRACT}

KEY_TABLES: tuple[tuple[str, ...], ...] = (("accounts",), ("orders", "subscriptions"))
"""A night needs valid rows in at least one table of each group."""
