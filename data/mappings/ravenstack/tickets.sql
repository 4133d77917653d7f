-- One row per support ticket.
SELECT
    ticket_id,
    account_id,
    priority,
    submitted_at AS opened_at,
    closed_at,
    satisfaction_score AS satisfaction,
    escalation_flag AS escalated
FROM ravenstack_support_tickets
