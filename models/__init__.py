"""Networks, their embedding heads, and what is exported of them."""
