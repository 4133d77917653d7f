-- One row per deal that was won.
SELECT
    opportunity_id AS order_id,
    1 AS line_id,
    account AS account_id,
    product AS product_id,
    1 AS quantity,
    close_value AS amount,
    'USD' AS currency,
    close_date AS ordered_at,
    'placed' AS status
FROM sales_pipeline
WHERE deal_stage = 'Won'
