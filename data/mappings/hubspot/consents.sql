-- One row per contact who opted out of e-mail, or whose legal basis is a consent that was given.
-- The days are not kept; for a refusal, taking the earliest possible one is on the safe side.
SELECT
    id AS contact_id,
    'email' AS channel,
    'marketing' AS purpose,
    createdate AS recorded_at,
    CASE WHEN coalesce(CAST(hs_email_optout AS BOOLEAN), false) THEN 'withdrawn' ELSE 'granted' END AS status,
    CASE WHEN coalesce(CAST(hs_email_optout AS BOOLEAN), false) THEN 'hs_email_optout' ELSE 'hs_legal_basis' END
        AS source
FROM contact
WHERE (coalesce(CAST(hs_email_optout AS BOOLEAN), false) OR lower(hs_legal_basis) LIKE '%freely given consent%')
    AND NOT coalesce(CAST(is_deleted AS BOOLEAN), false) AND NOT coalesce(CAST(archived AS BOOLEAN), false)
