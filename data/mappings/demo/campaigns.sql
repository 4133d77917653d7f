-- One row per campaign.
SELECT
    campaign_id, name, channel, purpose, product_id, cost, started_at, ended_at, known_at
FROM campaigns
