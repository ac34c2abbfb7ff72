-- room: serving
-- Latency over time is read from this index alone; rows come in the order of their arrival.
CREATE INDEX predictions_by_arrival ON predictions (endpoint, at, role, version, latency_us, status);
