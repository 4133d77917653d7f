-- One row per Case of an account.
SELECT
    id AS ticket_id,
    account_id,
    contact_id,
    lower(priority) AS priority,
    created_date AS opened_at,
    closed_date AS closed_at,
    is_escalated AS escalated
FROM "case"
WHERE account_id IS NOT NULL AND NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
