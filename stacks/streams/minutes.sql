-- Orders and their amount by customer and minute, for `streams.minutes` as docs/components/stream-job.md has it.
INSERT INTO `orders-by-minute`
SELECT customer, window_start, COUNT(*) AS orders, SUM(amount) AS amount
FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(event_time), INTERVAL '1' MINUTE))
GROUP BY customer, window_start, window_end;
