-- One row per contact. The property hs_timezone writes europe_slash_istanbul for Europe/Istanbul, us_slash_eastern for US/Eastern.
SELECT
    id AS contact_id,
    associatedcompanyid AS account_id,
    firstname AS first_name,
    lastname AS last_name,
    email,
    phone,
    jobtitle AS title,
    country,
    replace(initcap(replace(hs_timezone, '_slash_', '/')), 'Us/', 'US/') AS timezone,
    createdate AS created_at
FROM contact
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false) AND NOT coalesce(CAST(archived AS BOOLEAN), false)
