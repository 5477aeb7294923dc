CREATE DATABASE audit_db;

CREATE TABLE audit_db.payments (
    payment_id  VARCHAR(32) NOT NULL,
    account     VARCHAR(32),
    amount      DECIMAL(12, 2),
    `partition` INT,
    `offset`    BIGINT,
    sent_at     DATETIME
)
PRIMARY KEY (payment_id)
DISTRIBUTED BY HASH (payment_id);
