-- One row per product, and one for what won deals without line items were about.
SELECT
    CAST(id AS VARCHAR) AS product_id,
    name,
    hs_product_type AS family,
    TRY_CAST(price AS DOUBLE) AS list_price,
    CASE WHEN TRY_CAST(price AS DOUBLE) > 0
        THEN 1 - TRY_CAST(hs_cost_of_goods_sold AS DOUBLE) / TRY_CAST(price AS DOUBLE) END AS margin_rate,
    hs_recurring_billing_period IS NOT NULL AS recurring
FROM product
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false) AND NOT coalesce(CAST(archived AS BOOLEAN), false)
UNION ALL
SELECT 'unspecified', 'Not itemised', NULL, NULL, NULL, false
