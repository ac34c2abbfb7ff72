-- JSON list of prices of calls with more input tokens than `above`, ascending, as gateways get them; null = none.
ALTER TABLE llm_prices ADD COLUMN tiers TEXT;
