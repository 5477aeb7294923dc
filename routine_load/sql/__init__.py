"""Text to statement values and back, the expressions that are allowed, and the columns of SHOW. Pure."""
