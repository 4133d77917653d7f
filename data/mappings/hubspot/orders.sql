-- One row per line item of a won deal that is paid once; a won deal without line items is one line of its amount.
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
    deals.deal_id AS order_id,
    CAST(items.line_id AS VARCHAR) AS line_id,
    account_id,
    CAST(hs_product_id AS VARCHAR) AS product_id,
    CAST(quantity AS VARCHAR) AS quantity,
    CAST(items.amount AS VARCHAR) AS amount,
    closedate AS ordered_at,
    'placed' AS status
FROM items
JOIN deals ON CAST(deals.deal_id AS VARCHAR) = CAST(items.deal_id AS VARCHAR)
WHERE coalesce(TRY_CAST(hs_mrr AS DOUBLE), 0) = 0
UNION ALL
SELECT deals.deal_id, 'deal', account_id, 'unspecified', '1', CAST(amount AS VARCHAR), closedate, 'placed'
FROM deals
WHERE NOT EXISTS (SELECT 1 FROM items WHERE CAST(items.deal_id AS VARCHAR) = CAST(deals.deal_id AS VARCHAR))
