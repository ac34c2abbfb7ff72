/** How providers of language models answered of late: each with its state, its time as a strip, and its last failure. */
import { Link } from '@tanstack/react-router'
import { count, plural } from '../../../src/contract/text/format.ts'
import { microDuration } from '../../data/llm/amounts.ts'
import { cellsOf, failedShare, FAILURE_WORDS, failureText, STATES, stripText } from '../../data/llm/health.ts'
import type { Cell } from '../../data/llm/health.ts'
import type { LlmHealth } from '../../data/llm/queries.ts'
import { Empty } from '../page/placeholders.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

type Provider = LlmHealth['providers'][number]
type Shown = Pick<Provider, 'state' | 'total' | 'buckets'>

export function ProviderHealth({ health }: { health: LlmHealth }) {
  const { providers, unknown, cut_parts, read } = health
  const projects = new Set(providers.map(({ project }) => project))
  return (
    <>
      <DataTable
        className="health"
        headings={[
          'Provider',
          'Now',
          'Last 24 hours',
          ['Calls', 'num'],
          ['Failed', 'num'],
          ['First byte p50', 'num'],
          ['p95', 'num'],
          'Last failure',
        ]}
      >
        {providers.flatMap((provider) => [
          <ProviderRow
            key={`${provider.project}/${provider.name}`}
            provider={provider}
            health={health}
            tellsProject={projects.size > 1}
          />,
          // one model is told by its provider's own row
          ...(provider.models.length > 1 ? provider.models : []).map((model) => (
            <ModelRow
              key={`${provider.project}/${provider.name}/${model.model}`}
              model={model}
              provider={provider.name}
              health={health}
            />
          )),
        ])}
      </DataTable>
      {(cut_parts.length > 0 || unknown > 0) && (
        <p className="muted small" style={{ padding: '8px 16px' }}>
          {cut_parts.length > 0 &&
            `There are more calls than are read: ${plural(cut_parts.length, 'part')} of the time are told by their newest calls, ${count(read)} in all. `}
          {unknown > 0 && `${plural(unknown, 'call')} went to models that are set up no longer.`}
        </p>
      )}
    </>
  )
}

/** The providers that calls were sent to, a line each. */
export function ProviderLines({ health }: { health: LlmHealth }) {
  const used = health.providers.filter(({ total }) => total.calls > 0)
  if (used.length === 0) return <Empty title="Nothing was sent to a provider in the last 24 hours" />
  return (
    <DataTable
      className="health"
      headings={['Provider', 'Now', 'Last 24 hours', ['Failed', 'num'], ['First byte p50', 'num']]}
    >
      {used.map((provider) => (
        <tr key={`${provider.project}/${provider.name}`} data-row>
          <td className="break">
            <Link to="/llm/providers">{provider.name}</Link>
            {provider.id === null && <span className="muted small"> removed</span>}
          </td>
          <State of={provider.state} />
          <td>
            <HealthStrip label={provider.name} cells={cellsOf(health, provider.buckets)} />
          </td>
          <Failed of={provider.total} />
          <td className="num">{microDuration(provider.total.first_us.p50)}</td>
        </tr>
      ))}
    </DataTable>
  )
}

interface RowProps {
  readonly health: LlmHealth
}

function ProviderRow({ provider, health, tellsProject }: RowProps & { provider: Provider; tellsProject: boolean }) {
  const { name, project, models, id } = provider
  const [only, other] = models
  const below = [
    ...(id === null ? ['removed'] : []),
    ...(tellsProject ? [`project ${project}`] : []),
    ...(only !== undefined && other === undefined ? [only.model] : []),
  ]
  return (
    <tr data-row>
      <td className="break">
        <strong>{name}</strong>
        {below.length > 0 && <div className="muted small">{below.join(', ')}</div>}
      </td>
      <Cells of={provider} label={name} health={health} />
      <td className="break">
        <LastFailure of={provider.last_failure} />
      </td>
    </tr>
  )
}

interface ModelRowProps extends RowProps {
  readonly model: Provider['models'][number]
  readonly provider: string
}

function ModelRow({ model, provider, health }: ModelRowProps) {
  return (
    <tr className="of-model">
      <td className="nowrap muted">{model.model}</td>
      <Cells of={model} label={`${provider}, model ${model.model}`} health={health} />
      <td className="muted">{failureText(model.total)}</td>
    </tr>
  )
}

function Cells({ of, label, health }: RowProps & { of: Shown; label: string }) {
  const { total } = of
  return (
    <>
      <State of={of.state} />
      <td>
        <HealthStrip label={label} cells={cellsOf(health, of.buckets)} />
      </td>
      <td className="num">{count(total.calls)}</td>
      <Failed of={total} />
      <td className="num">{microDuration(total.first_us.p50)}</td>
      <td className="num">{microDuration(total.first_us.p95)}</td>
    </>
  )
}

function State({ of }: { of: Provider['state'] }) {
  const [word, tone, means] = STATES[of]
  return (
    <td title={means}>
      <Status word={word} tone={tone} />
    </td>
  )
}

function Failed({ of }: { of: Provider['total'] }) {
  return (
    <td className="num" title={failureText(of)}>
      {failedShare(of)}
    </td>
  )
}

/** A cell for each part of the time, told in words too. `label`: whose. */
function HealthStrip({ label, cells }: { label: string; cells: readonly Cell[] }) {
  return (
    <div className="strip" role="img" aria-label={`${label}, ${stripText(cells)}`}>
      {cells.map(({ at, kind, words }) => (
        <span key={at} title={words}>
          <i className={kind} />
        </span>
      ))}
    </div>
  )
}

function LastFailure({ of }: { of: Provider['last_failure'] }) {
  if (of === null) return <span className="muted">none</span>
  const { at, kind, status, words, call } = of
  return (
    <>
      <Link to="/llm/calls/$id" params={{ id: call }}>
        {FAILURE_WORDS[kind]}
        {status !== null && kind !== 'cut' && `, ${status}`}
      </Link>{' '}
      <span className="muted small">
        <RelativeTime at={at} />
      </span>
      {words !== null && (
        <div className="muted small clip" title={words}>
          {words}
        </div>
      )}
    </>
  )
}
