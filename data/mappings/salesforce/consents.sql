-- One row per Contact who opted out of e-mail. The day is not kept; taking the earliest possible one is on the safe side.
-- Nobody is taken to have agreed: Salesforce's standard fields record refusals only. Map your own record of consent.
SELECT
    id AS contact_id,
    'email' AS channel,
    'marketing' AS purpose,
    created_date AS recorded_at,
    'withdrawn' AS status,
    'HasOptedOutOfEmail' AS source
FROM contact
WHERE coalesce(CAST(has_opted_out_of_email AS BOOLEAN), false) AND NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
