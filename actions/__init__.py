"""Actions: what may be done for a customer, and which one is chosen. ``registry`` lists them."""
