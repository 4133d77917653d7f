-- One row per account, product and day of use.
SELECT
    account_id, product_id, day, active_users, events, known_at
FROM usage
