-- One row per product; within a series, a higher price is a higher tier.
SELECT
    product AS product_id,
    product AS name,
    series AS family,
    row_number() OVER (PARTITION BY series ORDER BY TRY_CAST(sales_price AS DOUBLE), product) AS tier,
    sales_price AS list_price,
    false AS recurring
FROM products
