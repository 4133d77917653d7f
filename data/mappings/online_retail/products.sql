-- One row per stock code that was ever sold for a price, whatever its case, known from that first sale on: name (most
-- frequent) and list price (median) are that day's. Lines without a price are notes on stock, none of them a customer's:
-- they make no product.
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
        min(CAST(invoice_date AS TIMESTAMP)) OVER (PARTITION BY upper(trim(stock_code))) AS first_at
    FROM lines
    WHERE price > 0
), first_day AS (
    SELECT * FROM coded WHERE CAST(sold_at AS DATE) = CAST(first_at AS DATE)
), names AS (
    SELECT
        product_id, name,
        row_number() OVER (PARTITION BY product_id ORDER BY count(*) DESC, name) AS nth
    FROM first_day
    WHERE name IS NOT NULL
    GROUP BY product_id, name
), products AS (
    SELECT product_id, median(price) AS list_price, min(first_at) AS known_at FROM first_day GROUP BY product_id
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
