"""The columns of the feature table: names, order and meaning, said once."""

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

SCHEDULE = ["distance", "sched_hour", "dow", "sched_load"]
PLANE = ["plane_age", "seats"]
WEATHER = ["temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
RATES = ["carrier_rate_7d", "origin_rate_7d", "dest_rate_7d", "origin_rate_6h"]
TAIL = ["tail_last_delay"]

NUMERIC = SCHEDULE + PLANE + WEATHER + RATES + TAIL
CATEGORICAL = ["carrier", "origin", "dest"]

#: What the model is asked with, in this order: 19 numbers and 3 codes.
FEATURES = NUMERIC + CATEGORICAL

#: Features that may be missing; every other feature is always present.
NULLABLE = PLANE + WEATHER + TAIL

#: id: stable name of the flight, `date-carrier-flight-origin`; the dates are local.
#: event_time: when the prediction is made, ms since 1970 UTC (scheduled departure - 2 h).
#: label_time: when the outcome is known, ms since 1970 UTC; always after event_time.
#: y: 1 if the flight arrives 15 minutes late or more, is cancelled or is diverted; else 0.
KEYS = ["id", "event_time", "label_time", "y"]

#: Facts for looking back, never shown to the model: month of the schedule (1 to 12) and
#: minutes of departure delay (missing when cancelled), which is known only after take-off.
HINDSIGHT = ["month", "dep_delay"]

#: The header of the table that `features` writes.
TABLE = KEYS + FEATURES + HINDSIGHT
