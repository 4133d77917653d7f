-- One row per ticket of a company.
WITH tickets AS (
    SELECT
        ticket.id,
        coalesce(CAST(hs_primary_company_id AS VARCHAR), CAST(companies.company_id AS VARCHAR)) AS account_id,
        hs_ticket_priority,
        createdate,
        closed_date
    FROM ticket
    LEFT JOIN (SELECT ticket_id, min(company_id) AS company_id FROM ticket_company GROUP BY ticket_id) AS companies
        ON CAST(companies.ticket_id AS VARCHAR) = CAST(ticket.id AS VARCHAR)
    WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false) AND NOT coalesce(CAST(archived AS BOOLEAN), false)
)
SELECT
    id AS ticket_id,
    account_id,
    lower(hs_ticket_priority) AS priority,
    createdate AS opened_at,
    closed_date AS closed_at
FROM tickets
WHERE account_id IS NOT NULL
