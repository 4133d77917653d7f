-- One row per customer number: its country is that of its first line.
WITH lines AS (
    SELECT customer_id, country, CAST(invoice_date AS TIMESTAMP) AS bought_at FROM online_retail_ii_2009_2010
    WHERE invoice_date < TIMESTAMP '2010-12-01'
    UNION ALL
    SELECT customer_id, country, invoice_date FROM online_retail_2010_2011
), firsts AS (
    SELECT CAST(customer_id AS BIGINT) AS number, min(bought_at) AS first_at FROM lines
    WHERE customer_id IS NOT NULL
    GROUP BY CAST(customer_id AS BIGINT)
), customers AS (
    SELECT number, first_at, min(country) AS country
    FROM firsts JOIN lines ON lines.customer_id = firsts.number AND lines.bought_at = firsts.first_at
    GROUP BY number, first_at
)
SELECT
    CAST(number AS VARCHAR) AS account_id,
    'Customer ' || CAST(number AS VARCHAR) AS name,
    CASE WHEN country = 'United Kingdom' THEN 'United Kingdom' ELSE 'abroad' END AS segment,
    country AS region,
    country,
    timezone('UTC', timezone('Europe/London', first_at)) AS created_at
FROM customers
