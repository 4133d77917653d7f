-- One row per Event, and per Task that is done. Only a person whose id begins with 003 is a Contact.
SELECT
    id AS activity_id,
    account_id,
    CASE WHEN who_id LIKE '003%' THEN who_id END AS contact_id,
    owner_id,
    CASE
        WHEN lower(coalesce(task_subtype, type)) LIKE '%call%' THEN 'call'
        WHEN lower(coalesce(task_subtype, type)) LIKE '%email%' THEN 'email'
        WHEN lower(coalesce(task_subtype, type)) LIKE '%meeting%' THEN 'meeting'
        ELSE 'note'
    END AS kind,
    coalesce(CAST(completed_date_time AS VARCHAR), CAST(activity_date AS VARCHAR), CAST(created_date AS VARCHAR))
        AS happened_at
FROM task
WHERE CAST(is_closed AS BOOLEAN) AND NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
UNION ALL
SELECT
    id,
    account_id,
    CASE WHEN who_id LIKE '003%' THEN who_id END,
    owner_id,
    'meeting',
    coalesce(CAST(start_date_time AS VARCHAR), CAST(activity_date_time AS VARCHAR), CAST(created_date AS VARCHAR))
FROM event
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
