CREATE ROUTINE LOAD audit_db.payments_job ON payments
COLUMNS TERMINATED BY ",",
INCLUDE METADATA (KEY AS payment_id, PARTITION AS `partition`, OFFSET AS `offset`, TIMESTAMP_MS AS ms),
COLUMNS (id_in_the_line, account, amount, sent_at = from_unixtime(ms / 1000))
FROM KAFKA
(
    "kafka_broker_list" = "${BROKERS}",
    "kafka_topic" = "payments",
    "property.kafka_default_offsets" = "OFFSET_BEGINNING"
);
