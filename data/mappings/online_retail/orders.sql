-- One row per line of an invoice. The first file ends where the second begins: its last nine days are in both.
WITH lines AS (
    SELECT invoice, stock_code, description, quantity, invoice_date, price, customer_id
    FROM online_retail_ii_2009_2010
    WHERE invoice_date < TIMESTAMP '2010-12-01'
    UNION ALL
    SELECT invoice_no, stock_code, description, quantity, invoice_date, unit_price, customer_id
    FROM online_retail_2010_2011
)
SELECT
    invoice AS order_id,
    row_number() OVER (
        PARTITION BY invoice ORDER BY invoice_date, stock_code, description, quantity, price
    ) AS line_id,
    CAST(CAST(customer_id AS BIGINT) AS VARCHAR) AS account_id,
    upper(trim(stock_code)) AS product_id,
    quantity,
    quantity * price AS amount,
    'GBP' AS currency,
    timezone('UTC', timezone('Europe/London', CAST(invoice_date AS TIMESTAMP))) AS ordered_at,
    CASE WHEN starts_with(invoice, 'C') THEN 'returned' ELSE 'placed' END AS status
FROM lines
