-- One row per Contact. Salesforce keeps no time zone of a contact.
SELECT
    id AS contact_id,
    account_id,
    first_name,
    last_name,
    email,
    phone,
    title,
    mailing_country AS country,
    created_date AS created_at
FROM contact
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
