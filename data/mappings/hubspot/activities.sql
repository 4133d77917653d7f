-- One row per call, meeting, e-mail or note, with the first company and contact that it is about.
WITH done AS (
    SELECT id, 'call' AS kind, hs_timestamp, hubspot_owner_id FROM engagement_call
    UNION ALL
    SELECT id, 'meeting', hs_timestamp, hubspot_owner_id FROM engagement_meeting
    UNION ALL
    SELECT id, 'email', hs_timestamp, hubspot_owner_id FROM engagement_email
    UNION ALL
    SELECT id, 'note', hs_timestamp, hubspot_owner_id FROM engagement_note
), companies AS (
    SELECT engagement_id, min(company_id) AS company_id FROM engagement_company GROUP BY engagement_id
), contacts AS (
    SELECT engagement_id, min(contact_id) AS contact_id FROM engagement_contact GROUP BY engagement_id
)
SELECT
    id AS activity_id,
    company_id AS account_id,
    contact_id,
    hubspot_owner_id AS owner_id,
    kind,
    hs_timestamp AS happened_at
FROM done
LEFT JOIN companies ON CAST(companies.engagement_id AS VARCHAR) = CAST(done.id AS VARCHAR)
LEFT JOIN contacts ON CAST(contacts.engagement_id AS VARCHAR) = CAST(done.id AS VARCHAR)
