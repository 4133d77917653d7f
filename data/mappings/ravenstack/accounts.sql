-- One row per customer.
SELECT
    account_id,
    account_name AS name,
    industry,
    industry AS segment,
    country AS region,
    country,
    signup_date AS created_at
FROM ravenstack_accounts
