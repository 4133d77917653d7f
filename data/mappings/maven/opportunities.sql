-- One row per deal. What it is worth is the product's list price until it is won, and what was paid from then on.
SELECT
    opportunity_id,
    account AS account_id,
    sales_agent AS owner_id,
    deals.product AS product_id,
    deal_stage AS stage,
    CASE WHEN deal_stage = 'Won' THEN close_value ELSE sales_price END AS amount,
    engage_date AS created_at,
    close_date AS closed_at,
    CASE deal_stage WHEN 'Won' THEN 'won' WHEN 'Lost' THEN 'lost' END AS outcome
FROM sales_pipeline AS deals
-- the pipeline and the product list do not agree on a space; the product itself is repaired in repairs.csv
LEFT JOIN products ON replace(products.product, ' ', '') = replace(deals.product, ' ', '')
