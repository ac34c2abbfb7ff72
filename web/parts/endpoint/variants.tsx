/** What answers an endpoint: each variant with its share, how it is served and its live figures. */
import { count, duration, figure, percent, weight } from '../../../src/contract/text/format.ts'
import { Empty } from '../page/placeholders.tsx'
import { Status, VersionChip } from '../page/status.tsx'
import { TimeCell } from '../table/time-cell.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface VariantRow {
  readonly role: string
  readonly version: string
  readonly weight: number
  readonly backend: string
  readonly backend_reason: string | null
  readonly since: string
  readonly tripped: string | null
  readonly override: { readonly by: string; readonly reason: string; readonly refusal: string } | null
  readonly fault: string | null
  readonly stats: {
    readonly requests: number
    readonly errors: number
    readonly requests_per_s: number
    readonly p50_ms: number | null
    readonly p95_ms: number | null
    readonly p99_ms: number | null
  } | null
}

const WHERE: Readonly<Record<string, string>> = { native: 'natively', onnx: 'by ONNX Runtime', python: 'in Python' }

export function VariantTable({ model, variants }: { model: string; variants: readonly VariantRow[] }) {
  if (variants.length === 0) {
    return (
      <Empty title="No version is serving yet" commands={['slipway ship']}>
        The first version that passes its gates becomes the stable one.
      </Empty>
    )
  }
  return (
    <DataTable
      headings={[
        'Variant',
        'Version',
        ['Share', 'num'],
        ['Requests/s', 'num'],
        ['p50', 'num'],
        ['p95', 'num'],
        ['p99', 'num'],
        ['Errors', 'num'],
        'Served',
        ['Since', 'num'],
      ]}
    >
      {variants.map((variant) => (
        <Row key={`${variant.role} ${variant.version}`} model={model} variant={variant} />
      ))}
    </DataTable>
  )
}

/** By whom and why a version answers although its gates do not hold. */
export function overrideSentence({ by, reason, refusal }: NonNullable<VariantRow['override']>): string {
  return `gates overridden by ${by}: ${reason} (${refusal})`
}

function Row({ model, variant }: { model: string; variant: VariantRow }) {
  const { stats } = variant
  return (
    <tr data-row>
      <td>
        {variant.role}
        {variant.fault !== null && (
          <div className="break">
            <Status word="failing" tone="bad" label={`does not answer: ${variant.fault}`} />
          </div>
        )}
        {variant.override !== null && (
          <div className="break">
            <Status word="overridden" tone="warn" label={overrideSentence(variant.override)} />
          </div>
        )}
        {variant.tripped !== null && (
          <div className="break">
            <Status word="stopped" tone="bad" label={`stopped by its circuit breaker: ${variant.tripped}`} />
          </div>
        )}
      </td>
      <td>
        <VersionChip model={model} version={variant.version} />
      </td>
      <td className="num">{variant.role === 'shadow' ? 'copies' : weight(variant.weight)}</td>
      <td className="num">{figure(stats?.requests_per_s, 3)}</td>
      <td className="num">{duration(stats?.p50_ms)}</td>
      <td className="num">{duration(stats?.p95_ms)}</td>
      <td className="num">{duration(stats?.p99_ms)}</td>
      <td className="num">
        {stats === null || stats.requests === 0
          ? '–'
          : `${percent(stats.errors / stats.requests, 2)} of ${count(stats.requests)}`}
      </td>
      <td className="break">
        {WHERE[variant.backend] ?? variant.backend}
        {variant.backend_reason !== null && `: ${variant.backend_reason}`}
      </td>
      <TimeCell at={variant.since} />
    </tr>
  )
}
