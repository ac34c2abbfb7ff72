/** Figures as Prometheus reads them: text format 0.0.4. */
import type { CredentialCounts } from './callers/failed-credentials.ts'

export interface Sample {
  /** Names are letters, digits and `_`; values are any text. */
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
  /** Of a summary: its sum or its count; of a histogram a bucket, too, whose upper bound is its label `le`. */
  readonly suffix?: '_sum' | '_count' | '_bucket'
}

export interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'summary' | 'histogram'
  readonly help: string
  readonly samples: readonly Sample[]
}

/** Wrong credentials, as control and gateways count them. */
export function credentialFamilies({ failed, throttled }: CredentialCounts): Family[] {
  return [
    counter('slipway_wrong_credentials_total', 'Tokens and links that were wrong.', failed),
    counter(
      'slipway_throttled_credentials_total',
      'Wrong tokens and links of addresses that sent too many.',
      throttled,
    ),
  ]
}

function counter(name: string, help: string, value: number): Family {
  return { name, type: 'counter', help, samples: [{ value }] }
}

/** The families in their order, each with its samples in theirs. */
export function familiesText(families: readonly Family[]): string {
  return families.map(text).join('')
}

function text({ name, type, help, samples }: Family): string {
  const lines = samples.map(
    (sample) => `${name}${sample.suffix ?? ''}${labelsText(sample)} ${numberText(sample.value)}\n`,
  )
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelsText({ labels = {} }: Sample): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
