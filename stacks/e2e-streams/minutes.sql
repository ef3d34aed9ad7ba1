-- Views of each page in ten seconds; it's the comment that has a quote.
INSERT INTO sums
SELECT page, window_start, COUNT(ms) AS n, SUM(ms) AS total
FROM TABLE(TUMBLE(TABLE `views`, DESCRIPTOR(event_time), INTERVAL '10' SECOND))
GROUP BY page, window_start, window_end;
