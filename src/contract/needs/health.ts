/** How an endpoint is, in one word with its figures. */

/** How good a state is. */
type Tone = 'good' | 'bad' | 'warn' | 'info' | 'idle'

export interface HealthVariant {
  readonly role: 'stable' | 'canary' | 'shadow'
  readonly version: string
  readonly weight: number
  readonly tripped: string | null
  /** Why it does not answer; null while it does. */
  readonly fault: string | null
  readonly stats: {
    readonly requests: number
    readonly errors: number
    readonly requests_per_s: number
    readonly p99_ms: number | null
  } | null
}

export interface HealthEndpoint {
  readonly name: string
  readonly model: string
  readonly variants: readonly HealthVariant[]
}

export interface HealthIncident {
  readonly id: string
  readonly endpoint: string
  readonly title: string
  readonly state: string
  readonly severity: string
}

/** p99 in ms of the slowest variant that answers; share of failed requests; null without traffic. */
export interface Health {
  readonly word: string
  readonly tone: Tone
  readonly requestsPerSecond: number
  readonly p99: number | null
  readonly errorShare: number | null
  readonly incidents: readonly HealthIncident[]
}

const ERRORS_TOLERATED = 0.01

/** Joins an endpoint's live figures and its open incidents. */
export function healthOf(endpoint: HealthEndpoint, incidents: readonly HealthIncident[]): Health {
  const answering = endpoint.variants.filter((variant) => variant.role !== 'shadow')
  const stats = answering.flatMap((variant) => (variant.stats === null ? [] : [variant.stats]))
  const requests = stats.reduce((sum, one) => sum + one.requests, 0)
  const errors = stats.reduce((sum, one) => sum + one.errors, 0)
  const errorShare = requests === 0 ? null : errors / requests
  const slowest = stats.flatMap((one) => (one.p99_ms === null ? [] : [one.p99_ms]))
  const open = incidents.filter((one) => one.endpoint === endpoint.name && one.state !== 'resolved')
  return {
    ...wordOf({ variants: endpoint.variants, requests, errorShare, open }),
    requestsPerSecond: stats.reduce((sum, one) => sum + one.requests_per_s, 0),
    p99: slowest.length === 0 ? null : Math.max(...slowest),
    errorShare,
    incidents: open,
  }
}

function wordOf(from: {
  variants: readonly HealthVariant[]
  requests: number
  errorShare: number | null
  open: readonly HealthIncident[]
}): { word: string; tone: Tone } {
  if (from.variants.length === 0) return { word: 'no version', tone: 'idle' }
  if (from.variants.some(({ role, fault }) => role === 'stable' && fault !== null))
    return { word: 'not answering', tone: 'bad' }
  if (from.errorShare !== null && from.errorShare > ERRORS_TOLERATED) return { word: 'failing', tone: 'bad' }
  if (from.open.some((one) => one.severity === 'high')) return { word: 'incident', tone: 'bad' }
  if (from.variants.some((variant) => variant.tripped !== null)) return { word: 'canary stopped', tone: 'warn' }
  if (from.open.length > 0) return { word: 'incident', tone: 'warn' }
  if (from.variants.some((variant) => variant.role !== 'stable')) return { word: 'releasing', tone: 'info' }
  return from.requests === 0 ? { word: 'idle', tone: 'idle' } : { word: 'healthy', tone: 'good' }
}
