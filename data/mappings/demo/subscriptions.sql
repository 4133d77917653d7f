-- One row per subscription of an account to a product; a change of price or seats ends one and starts the next.
SELECT
    subscription_id, account_id, product_id, seats, mrr, started_at, term_ends_at, ended_at, end_reason,
    auto_renew, known_at
FROM subscriptions
