-- One row per change of one field of a deal; the first value of a field is a change from nothing.
SELECT
    opportunity_id, changed_at, field, old_value, new_value, known_at
FROM opportunity_changes
