/** Providers of language models: where they are called, with what, and why one is not. */
import { Status } from '../page/status.tsx'
import type { LlmEndpoint, LlmProvider } from '../../data/llm/queries.ts'
import { TimeCell } from '../table/time-cell.tsx'
import { DataTable } from '../table/data-table.tsx'

export interface ProviderTableProps {
  readonly providers: readonly LlmProvider[]
  readonly endpoints: readonly LlmEndpoint[]
}

export function ProviderTable({ providers, endpoints }: ProviderTableProps) {
  return (
    <DataTable headings={['Provider', 'State', 'Address', 'Credentials', 'Settings', 'Used by', ['Made', 'num']]}>
      {providers.map((provider) => (
        <tr key={provider.id} data-row>
          <td className="break">
            {provider.name}
            <div className="muted small">
              {provider.provider ?? 'vendor not known'}, project {provider.project}
            </div>
          </td>
          <td className="break">
            {provider.fault === null ? (
              <Status word="called" tone="good" label="can be called" />
            ) : (
              <>
                <Status word="off" tone="bad" label="not called" />
                <div className="muted small">{provider.fault}</div>
              </>
            )}
          </td>
          <td className="break">
            {provider.base_url === null ? <span className="muted">not known</span> : <code>{provider.base_url}</code>}
            {provider.kind !== null && <div className="muted small">speaks {provider.kind}</div>}
          </td>
          <td>
            {provider.has_key ? (
              <Status word="sealed" tone="good" label="sealed here" />
            ) : (
              <Status word="none" tone="idle" label="none" />
            )}
          </td>
          <td className="break">{settingsText(provider)}</td>
          <td className="break">{usedBy(provider, endpoints)}</td>
          <TimeCell at={provider.created_at} />
        </tr>
      ))}
    </DataTable>
  )
}

function settingsText({ settings }: LlmProvider): string {
  return (
    Object.entries(settings)
      .map(([name, value]) => `${name} = ${value}`)
      .join(', ') || '–'
  )
}

/** Names are those of the provider's project alone. */
function usedBy({ name, project }: LlmProvider, endpoints: readonly LlmEndpoint[]): string {
  const using = endpoints.filter(
    (one) => one.project === project && one.models.some(({ provider }) => provider === name),
  )
  return using.map((one) => one.name).join(', ') || 'no endpoint'
}
