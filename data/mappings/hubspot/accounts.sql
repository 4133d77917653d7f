-- One row per company.
SELECT
    id AS account_id,
    name,
    domain,
    industry,
    CASE
        WHEN TRY_CAST(numberofemployees AS DOUBLE) < 50 THEN 'small'
        WHEN TRY_CAST(numberofemployees AS DOUBLE) < 1000 THEN 'middle'
        WHEN TRY_CAST(numberofemployees AS DOUBLE) >= 1000 THEN 'large'
    END AS segment,
    coalesce(state, country) AS region,
    country,
    numberofemployees AS employees,
    hs_parent_company_id AS parent_account_id,
    hubspot_owner_id AS owner_id,
    createdate AS created_at
FROM company
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false) AND NOT coalesce(CAST(archived AS BOOLEAN), false)
