"""Leadership over time: which job is due, how it is split, where its tasks run. It knows no Kafka, SQL or HTTP."""
