-- One row per thing that happened between a campaign and a person; machine opens are marked.
SELECT
    touch_id, contact_id, campaign_id, channel, kind, machine, happened_at, propensity, known_at
FROM touches
