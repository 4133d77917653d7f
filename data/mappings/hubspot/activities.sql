-- One row per call, meeting, e-mail or note, with the first company and contact that it is about.
WITH done AS (
    SELECT
        CAST(id AS VARCHAR) AS id,
        'call' AS kind,
        CAST(hs_timestamp AS VARCHAR) AS done_at,
        CAST(hubspot_owner_id AS VARCHAR) AS owner_id
    FROM engagement_call
    UNION ALL
    SELECT CAST(id AS VARCHAR), 'meeting', CAST(hs_timestamp AS VARCHAR), CAST(hubspot_owner_id AS VARCHAR)
    FROM engagement_meeting
    UNION ALL
    SELECT CAST(id AS VARCHAR), 'email', CAST(hs_timestamp AS VARCHAR), CAST(hubspot_owner_id AS VARCHAR)
    FROM engagement_email
    UNION ALL
    SELECT CAST(id AS VARCHAR), 'note', CAST(hs_timestamp AS VARCHAR), CAST(hubspot_owner_id AS VARCHAR)
    FROM engagement_note
), companies AS (
    SELECT engagement_id, min(company_id) AS company_id FROM engagement_company GROUP BY engagement_id
), contacts AS (
    SELECT engagement_id, min(contact_id) AS contact_id FROM engagement_contact GROUP BY engagement_id
)
SELECT
    id AS activity_id,
    company_id AS account_id,
    contact_id,
    owner_id,
    kind,
    done_at AS happened_at
FROM done
LEFT JOIN companies ON CAST(companies.engagement_id AS VARCHAR) = done.id
LEFT JOIN contacts ON CAST(contacts.engagement_id AS VARCHAR) = done.id
