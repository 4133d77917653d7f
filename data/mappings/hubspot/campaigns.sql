-- One row per e-mail campaign; HubSpot sends marketing e-mail through them.
SELECT id AS campaign_id, name, 'email' AS channel, 'marketing' AS purpose FROM email_campaign
