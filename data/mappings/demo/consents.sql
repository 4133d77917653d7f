-- One row per decision of a contact about one channel and one purpose; the latest known one holds.
SELECT
    contact_id, channel, purpose, recorded_at, status, source, known_at
FROM consents
