-- One row per stock code, whatever its case, from the first day it had a price on: name (most frequent) and list price
-- (median) are that day's. Lines without a price are notes on stock; their descriptions name no product.
WITH lines AS (
    SELECT stock_code, description, price, invoice_date FROM online_retail_ii_2009_2010
    WHERE invoice_date < TIMESTAMP '2010-12-01'
    UNION ALL
    SELECT stock_code, description, unit_price, invoice_date FROM online_retail_2010_2011
), coded AS (
    SELECT
        upper(trim(stock_code)) AS product_id,
        nullif(trim(description), '') AS name,
        price,
        CAST(invoice_date AS TIMESTAMP) AS sold_at,
        min(CAST(invoice_date AS TIMESTAMP)) OVER (PARTITION BY upper(trim(stock_code)), price > 0) AS first_at
    FROM lines
), first_day AS (
    SELECT * FROM coded WHERE price > 0 AND CAST(sold_at AS DATE) = CAST(first_at AS DATE)
), names AS (
    SELECT
        product_id, name,
        row_number() OVER (PARTITION BY product_id ORDER BY count(*) DESC, name) AS nth
    FROM first_day
    WHERE name IS NOT NULL
    GROUP BY product_id, name
), prices AS (
    SELECT product_id, median(price) AS list_price, min(first_at) AS known_at FROM first_day GROUP BY product_id
), never_priced AS (
    SELECT product_id, min(sold_at) AS known_at FROM coded
    WHERE product_id NOT IN (SELECT product_id FROM prices)
    GROUP BY product_id
), products AS (
    SELECT product_id, list_price, known_at FROM prices
    UNION ALL
    SELECT product_id, NULL, known_at FROM never_priced
)
SELECT
    products.product_id,
    names.name,
    -- codes of goods begin with five digits; the others are postage, fees, samples, vouchers and corrections
    CASE
        WHEN regexp_matches(products.product_id, '^[0-9]{5}') OR starts_with(products.product_id, 'DCGS') THEN 'goods'
        ELSE 'service'
    END AS family,
    list_price,
    false AS recurring,
    timezone('UTC', timezone('Europe/London', known_at)) AS known_at
FROM products
LEFT JOIN names ON names.product_id = products.product_id AND names.nth = 1
