"""Revenue per node of a hierarchy and period, and the bookings it comes from."""
