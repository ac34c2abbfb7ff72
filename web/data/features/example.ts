/** A short section of a project file, for those who have no features yet. */

export const EXAMPLE = `sources:
  trips: { data_set: trips@latest }
features:
  entities:
    customer: { keys: { customer_id: int } }
  views:
    customer_trips:
      entities: [customer]
      source: trips
      event_time: ended_at
      ttl: 90d
      features: { home_airport: text }
      windows:
        trips_30d: { take: count, over: 30d }
  services:
    no_show: { features: [customer_trips] }
`
