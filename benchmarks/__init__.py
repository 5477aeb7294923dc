"""Side-by-side measurements on Apache Kafka; ``make bench`` runs them and prints ratios of one run."""
