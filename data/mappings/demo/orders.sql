-- One row per line of an order. A return is a line of its own, dated when it came back, with negative amounts.
SELECT
    order_id, line_id, account_id, contact_id, product_id, quantity, amount, currency, ordered_at, status,
    known_at
FROM orders
