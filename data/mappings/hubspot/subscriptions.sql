-- One row per line item of a won deal that recurs, from the start of its billing to its end.
WITH deals AS (
    SELECT
        deal.id AS deal_id,
        coalesce(CAST(hs_primary_associated_company AS VARCHAR), CAST(companies.company_id AS VARCHAR)) AS account_id,
        amount,
        closedate
    FROM deal
    LEFT JOIN (SELECT deal_id, min(company_id) AS company_id FROM deal_company GROUP BY deal_id) AS companies
        ON CAST(companies.deal_id AS VARCHAR) = CAST(deal.id AS VARCHAR)
    WHERE CAST(hs_is_closed_won AS BOOLEAN) AND NOT coalesce(CAST(is_deleted AS BOOLEAN), false) AND NOT coalesce(CAST(archived AS BOOLEAN), false)
), items AS (
    SELECT
        line_item.id AS line_id, line_item_deal.deal_id, hs_product_id, quantity, line_item.amount, hs_mrr,
        hs_recurring_billing_start_date, hs_recurring_billing_end_date
    FROM line_item
    JOIN line_item_deal ON CAST(line_item_deal.line_item_id AS VARCHAR) = CAST(line_item.id AS VARCHAR)
    WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false) AND NOT coalesce(CAST(archived AS BOOLEAN), false)
)
SELECT
    items.line_id AS subscription_id,
    account_id,
    hs_product_id AS product_id,
    quantity AS seats,
    hs_mrr AS mrr,
    coalesce(CAST(hs_recurring_billing_start_date AS VARCHAR), CAST(closedate AS VARCHAR)) AS started_at,
    hs_recurring_billing_end_date AS term_ends_at,
    hs_recurring_billing_end_date AS ended_at
FROM items
JOIN deals ON CAST(deals.deal_id AS VARCHAR) = CAST(items.deal_id AS VARCHAR)
WHERE TRY_CAST(hs_mrr AS DOUBLE) > 0
