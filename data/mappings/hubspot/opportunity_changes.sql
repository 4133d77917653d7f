-- One row per change of a stage, an amount or a close date, from the history of the deal's properties.
SELECT
    deal_id AS opportunity_id,
    "timestamp" AS changed_at,
    CASE name WHEN 'dealstage' THEN 'stage' WHEN 'amount' THEN 'amount' WHEN 'closedate' THEN 'expected_close_at' END
        AS field,
    lag(value) OVER (PARTITION BY deal_id, name ORDER BY "timestamp") AS old_value,
    value AS new_value
FROM deal_property_history
WHERE name IN ('dealstage', 'amount', 'closedate')
