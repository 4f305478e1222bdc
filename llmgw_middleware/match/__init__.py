"""Rules compiled to predicates over facts, and the table that chooses among them."""
