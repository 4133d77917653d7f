-- One row per owner.
SELECT id AS owner_id, nullif(trim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), '') AS name, email
FROM owner
