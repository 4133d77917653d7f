-- One row per Campaign. Salesforce does not say whether a campaign is marketing; it is taken to be.
SELECT
    id AS campaign_id,
    name,
    lower(type) AS channel,
    'marketing' AS purpose,
    actual_cost AS cost,
    start_date AS started_at,
    end_date AS ended_at
FROM campaign
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
