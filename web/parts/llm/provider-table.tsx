/** Providers of language models: where they are called, with what, and why one is not. */
import type { llmProvidersApi } from '../../../src/contract/llm/providers.ts'
import { call } from '../../data/api.ts'
import { Confirm } from '../form/confirm.tsx'
import { usePermission } from '../form/permissions.ts'
import { Status } from '../page/status.tsx'
import type { LlmEndpoint, LlmProvider } from '../../data/llm/queries.ts'
import { TimeCell } from '../table/time-cell.tsx'
import { ActionsCell } from '../table/actions-cell.tsx'
import { DataTable } from '../table/data-table.tsx'
import { WRITE_ENDPOINTS } from './new-provider.tsx'

export interface ProviderTableProps {
  readonly providers: readonly LlmProvider[]
  readonly endpoints: readonly LlmEndpoint[]
}

export function ProviderTable({ providers, endpoints }: ProviderTableProps) {
  const writes = usePermission(WRITE_ENDPOINTS)
  return (
    <DataTable
      headings={[
        'Provider',
        'State',
        'Address',
        'Credentials',
        'Settings',
        'Used by',
        ['Made', 'num'],
        ...(writes ? [['Actions', 'sr'] as const] : []),
      ]}
    >
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
          <td className="break">{usersOf(provider, endpoints).join(', ') || 'no endpoint'}</td>
          <TimeCell at={provider.created_at} />
          {writes && (
            <ActionsCell>
              <Remove of={provider} users={usersOf(provider, endpoints)} />
            </ActionsCell>
          )}
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
function usersOf({ name, project }: LlmProvider, endpoints: readonly LlmEndpoint[]): readonly string[] {
  return endpoints
    .filter((one) => one.project === project && one.models.some(({ provider }) => provider === name))
    .map((one) => one.name)
}

function Remove({ of, users }: { of: LlmProvider; users: readonly string[] }) {
  return (
    <Confirm
      label="Remove"
      needs={WRITE_ENDPOINTS}
      tone="danger"
      incomplete={users.length > 0}
      preview={
        users.length > 0 ? (
          <p>
            {of.name} is used by {users.join(', ')}. Remove {users.length === 1 ? 'it' : 'them'} first.
          </p>
        ) : (
          <p>{of.name} is removed with its key, which cannot be had back. Its calls stay in the log.</p>
        )
      }
      act={() =>
        call<typeof llmProvidersApi.removeLlmProvider>('DELETE', '/v1/llm/providers/:id', { params: { id: of.id } })
      }
    />
  )
}
