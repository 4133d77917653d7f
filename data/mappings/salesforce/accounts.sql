-- One row per Account.
SELECT
    id AS account_id,
    name,
    website AS domain,
    industry,
    -- not Type: "Customer" is written there once they have bought
    CASE
        WHEN TRY_CAST(number_of_employees AS DOUBLE) < 50 THEN 'small'
        WHEN TRY_CAST(number_of_employees AS DOUBLE) < 1000 THEN 'middle'
        WHEN TRY_CAST(number_of_employees AS DOUBLE) >= 1000 THEN 'large'
    END AS segment,
    coalesce(billing_state, billing_country) AS region,
    billing_country AS country,
    number_of_employees AS employees,
    parent_id AS parent_account_id,
    owner_id,
    created_date AS created_at
FROM account
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
