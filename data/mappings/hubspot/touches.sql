-- One row per e-mail event of a known contact, found by its address. Filtered events are those of machines.
-- Some loaders land times as milliseconds since 1970.
SELECT
    events.id AS touch_id,
    contacts.id AS contact_id,
    email_campaign_id AS campaign_id,
    'email' AS channel,
    CASE type
        WHEN 'SENT' THEN 'sent'
        WHEN 'DELIVERED' THEN 'delivered'
        WHEN 'BOUNCE' THEN 'bounced'
        WHEN 'OPEN' THEN 'opened'
        WHEN 'CLICK' THEN 'clicked'
        WHEN 'REPLY' THEN 'replied'
        ELSE 'unsubscribed'
    END AS kind,
    coalesce(CAST(filtered_event AS BOOLEAN), false) AS machine,
    CASE
        WHEN regexp_matches(CAST(created AS VARCHAR), '^[0-9]{12,14}$')
        THEN CAST(to_timestamp(CAST(CAST(created AS VARCHAR) AS DOUBLE) / 1000) AS VARCHAR)
        ELSE CAST(created AS VARCHAR)
    END AS happened_at
FROM email_event AS events
JOIN (SELECT lower(email) AS email, min(id) AS id FROM contact WHERE email IS NOT NULL GROUP BY lower(email)) AS contacts
    ON contacts.email = lower(events.recipient)
WHERE type IN ('SENT', 'DELIVERED', 'BOUNCE', 'OPEN', 'CLICK', 'REPLY', 'UNSUBSCRIBED')
