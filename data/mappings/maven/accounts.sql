-- One row per company.
SELECT
    account AS account_id,
    account AS name,
    sector AS industry,
    CASE
        WHEN TRY_CAST(employees AS DOUBLE) < 1000 THEN 'small'
        WHEN TRY_CAST(employees AS DOUBLE) < 5000 THEN 'middle'
        WHEN TRY_CAST(employees AS DOUBLE) >= 5000 THEN 'large'
    END AS segment,
    office_location AS region,
    office_location AS country,
    employees,
    subsidiary_of AS parent_account_id
FROM accounts
