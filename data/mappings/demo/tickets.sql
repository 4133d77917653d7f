-- One row per support ticket.
SELECT
    ticket_id, account_id, contact_id, priority, opened_at, closed_at, satisfaction, escalated, known_at
FROM tickets
