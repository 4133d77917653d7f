-- One row per tracked change of a stage, an amount or an expected close.
SELECT
    opportunity_id,
    created_date AS changed_at,
    CASE field WHEN 'StageName' THEN 'stage' WHEN 'Amount' THEN 'amount' WHEN 'CloseDate' THEN 'expected_close_at' END
        AS field,
    old_value,
    new_value
FROM opportunity_field_history
WHERE field IN ('StageName', 'Amount', 'CloseDate') AND NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
