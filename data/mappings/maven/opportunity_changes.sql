-- One row per change that the dates tell: a deal was engaged at its list price, and closed with an outcome and a value.
WITH deals AS (
    SELECT opportunity_id, deal_stage, engage_date, close_date, close_value, sales_price
    FROM sales_pipeline
    LEFT JOIN products ON replace(products.product, ' ', '') = replace(sales_pipeline.product, ' ', '')
    WHERE engage_date IS NOT NULL
)
SELECT opportunity_id, engage_date AS changed_at, 'stage' AS field, NULL AS old_value, 'Engaging' AS new_value
FROM deals
UNION ALL
SELECT opportunity_id, engage_date, 'amount', NULL, sales_price FROM deals
UNION ALL
SELECT opportunity_id, close_date, 'stage', 'Engaging', deal_stage FROM deals WHERE close_date IS NOT NULL
UNION ALL
SELECT opportunity_id, close_date, 'amount', sales_price, close_value FROM deals WHERE deal_stage = 'Won'
