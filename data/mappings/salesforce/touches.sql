-- Two rows per CampaignMember at most: it was sent when the contact became a member, and answered on the first response.
WITH members AS (
    SELECT id, contact_id, campaign_id, created_date, has_responded, first_responded_date FROM campaign_member
    WHERE contact_id IS NOT NULL AND NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
)
SELECT
    id || '-sent' AS touch_id,
    contact_id,
    campaign_id,
    'sent' AS kind,
    false AS machine,
    CAST(created_date AS VARCHAR) AS happened_at
FROM members
UNION ALL
SELECT id || '-replied', contact_id, campaign_id, 'replied', false, CAST(first_responded_date AS VARCHAR)
FROM members
WHERE CAST(has_responded AS BOOLEAN) AND first_responded_date IS NOT NULL
