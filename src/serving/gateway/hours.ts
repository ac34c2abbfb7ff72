/** Profiles of live rows by endpoint, version and event hour, flushed as deltas that add up. */
import { add, emptyProfile, profileToJson, rows } from '../../stats/profile.ts'
import type { Profile } from '../../stats/profile.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import type { LogRecord } from '../records.ts'
import type { ProfiledRows } from './engine.ts'
import type { LiveEndpoint, LiveVariant } from './live.ts'

/** The name under which the score is profiled as a feature of its own. */
export const SCORE_FEATURE = 'score'

export const HOUR_MS = 3_600_000

interface HourProfile {
  readonly ep: string
  readonly variant: LiveVariant
  readonly hour: number
  readonly profile: Profile
}

/** Where a variant's values lie in the order of the spec: index into the row, −1 = the score, −2 = not an input. */
interface Columns {
  readonly places: Int32Array
  /** The hour added to last: requests come in bursts of one hour. */
  latest: HourProfile | undefined
  readonly hours: Map<number, HourProfile>
}

/** Adds rows to the open profiles. `flush` writes what was added since the last flush and starts anew. */
export class HourProfiles {
  readonly #log: (record: LogRecord) => void
  readonly #columns = new Map<LiveVariant, Columns>()
  readonly #row: unknown[] = []

  constructor(log: (record: LogRecord) => void) {
    this.#log = log
  }

  add(endpoint: LiveEndpoint, variant: LiveVariant, given: ProfiledRows): void {
    const spec = endpoint.route.profile as ProfileSpec
    let columns = this.#columns.get(variant)
    if (columns === undefined) this.#columns.set(variant, (columns = placesOf(spec, variant)))
    const row = this.#row
    row.length = columns.places.length
    for (let i = 0; i < given.values.length; i++) {
      const hour = Math.floor((given.times[i] as number) / HOUR_MS) * HOUR_MS
      const open = columns.latest?.hour === hour ? columns.latest : openHour({ endpoint, variant, columns, hour })
      fill(row, columns.places, given, i)
      add(open.profile, row)
    }
  }

  /** Writes every open profile as a delta and forgets it. */
  flush(): void {
    for (const columns of this.#columns.values()) {
      for (const { ep, variant, hour, profile } of columns.hours.values()) {
        if (rows(profile) === 0) continue
        const { version, role } = variant.route
        this.#log({ t: 'f', ep, ver: version, role, hour, profile: profileToJson(profile) })
      }
    }
    this.#columns.clear()
  }
}

function placesOf(spec: ProfileSpec, variant: LiveVariant): Columns {
  const places = Int32Array.from(spec.features, ({ name }) => {
    const at = variant.route.inputs.findIndex((input) => input.name === name)
    if (at >= 0) return at
    return name === SCORE_FEATURE ? -1 : -2
  })
  return { places, latest: undefined, hours: new Map() }
}

function openHour(at: { endpoint: LiveEndpoint; variant: LiveVariant; columns: Columns; hour: number }): HourProfile {
  const { endpoint, variant, columns, hour } = at
  let open = columns.hours.get(hour)
  if (open === undefined) {
    const profile = emptyProfile(endpoint.route.profile as ProfileSpec)
    columns.hours.set(hour, (open = { ep: endpoint.route.name, variant, hour, profile }))
  }
  columns.latest = open
  return open
}

function fill(row: unknown[], places: Int32Array, given: ProfiledRows, i: number): void {
  const values = given.values[i] as readonly unknown[]
  for (let f = 0; f < places.length; f++) {
    const place = places[f] as number
    row[f] = place >= 0 ? values[place] : place === -1 ? given.scored[i]?.score : null
  }
}
