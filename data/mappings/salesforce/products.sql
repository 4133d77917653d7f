-- One row per Product2; the list price is the lowest active price that any price book has for it.
WITH prices AS (
    SELECT product2_id, min(CAST(unit_price AS DOUBLE)) AS list_price FROM pricebook_entry
    WHERE coalesce(CAST(is_active AS BOOLEAN), true) AND NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
    GROUP BY product2_id
)
SELECT id AS product_id, name, family, list_price
FROM product2
LEFT JOIN prices ON prices.product2_id = product2.id
WHERE NOT coalesce(CAST(is_deleted AS BOOLEAN), false)
