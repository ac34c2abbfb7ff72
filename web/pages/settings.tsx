/** Settings: the server, tokens, the audit trail and its proof. */
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import type { authApi } from '../../src/contract/auth.ts'
import type { Reply } from '../../src/contract/route.ts'
import type { StorageState } from '../../src/contract/system.ts'
import { call } from '../data/api.ts'
import { count, plural } from '../../src/contract/text/format.ts'
import { Command } from '../parts/page/command.tsx'
import { Confirm } from '../parts/form/confirm.tsx'
import { Loaded } from '../parts/page/placeholders.tsx'
import { Confinement } from '../parts/settings/confinement.tsx'
import { GuardedPanel } from '../parts/settings/guarded-panel.tsx'
import { Machines } from '../parts/settings/machines.tsx'
import { NewToken } from '../parts/settings/new-token.tsx'
import { Facts, Page, Panel } from '../parts/page/page.tsx'
import { PagedList } from '../parts/table/paged-list.tsx'
import { Status } from '../parts/page/status.tsx'
import { RelativeTime } from '../parts/page/relative-time.tsx'
import { TimeCell } from '../parts/table/time-cell.tsx'
import * as read from '../data/queries.ts'
import { databaseText, filesText } from '../../src/contract/needs/storage.ts'
import { ErrorText } from '../parts/form/error-text.tsx'
import { DataTable } from '../parts/table/data-table.tsx'

export function SettingsPage() {
  const server = useQuery(read.server)
  const me = useQuery(read.me)
  const storage = useQuery(read.storage)
  return (
    <Page
      title="Settings"
      actions={
        <Confirm
          label="Log out"
          preview={<p>Ends the session of this browser. Get a new login link with slipway env --link.</p>}
          act={async () => {
            await call<typeof authApi.logout>('POST', '/v1/logout', { body: {} })
            location.assign('/login')
          }}
        />
      }
    >
      <Panel title="Server">
        <Loaded query={server} what="The server" height={120}>
          {(data) => (
            <Facts
              items={[
                ['Version', data.version],
                ['Address', <code key="a">{data.url}</code>],
                ['Predictions', <code key="p">{data.gateway_url || 'no gateway'}</code>],
                ['Database', data.database],
                ...storageFacts(storage.data),
                ['Steps, models and builds', <Confinement key="i" isolation={data.isolation} />],
                ['Running since', <RelativeTime key="s" at={data.started_at} />],
                [
                  'Logged in as',
                  me.data === undefined
                    ? '–'
                    : `${me.data.name}, ${me.data.role}${me.data.project === null ? '' : ` of ${me.data.project}`}`,
                ],
              ]}
            />
          )}
        </Loaded>
        <Command text="slipway env --link" />
      </Panel>
      <TokenPanel />
      <Machines />
      <AuditPanel />
    </Page>
  )
}

function storageFacts(storage: StorageState | undefined): [string, string][] {
  if (storage === undefined) return []
  return [
    ['Database file', databaseText(storage)],
    ['Stored files', filesText(storage)],
  ]
}

const MANAGE = { verb: 'manage', resource: 'tokens' } as const

function TokenPanel() {
  return (
    <GuardedPanel
      title="Tokens"
      note="a token is shown once, when it is created"
      access={MANAGE}
      tools={<NewToken />}
      refusal="Only admins may see the tokens"
    >
      <Tokens />
    </GuardedPanel>
  )
}

function AuditPanel() {
  return (
    <GuardedPanel
      title="Audit trail"
      note="each row contains the hash of the previous one"
      access={{ verb: 'read', resource: 'audit' }}
      tools={<Verify />}
      refusal="Only maintainers and admins of the whole server may see the audit trail"
    >
      <Audit />
    </GuardedPanel>
  )
}

function Tokens() {
  const tokens = useQuery(read.tokens)
  return (
    <Loaded query={tokens} what="The tokens" height={120}>
      {({ items }) => (
        <DataTable headings={['Name', 'Role', 'Project', 'Created by', ['Created', 'num'], 'State', ['Actions', 'sr']]}>
          {items.map((token) => (
            <tr key={token.id} data-row>
              <td className="break">{token.name}</td>
              <td>{token.role}</td>
              <td>{token.project ?? 'all'}</td>
              <td>{token.created_by}</td>
              <TimeCell at={token.created_at} />
              <td>
                {token.revoked_at !== null ? (
                  <Status word="revoked" tone="idle" />
                ) : (
                  <span className="row">
                    <Status word="valid" tone="good" />
                    {token.expires_at !== null && <RelativeTime at={token.expires_at} />}
                  </span>
                )}
              </td>
              <td className="num">
                {token.revoked_at === null && (
                  <Confirm
                    label="Revoke"
                    needs={MANAGE}
                    tone="danger"
                    preview={
                      <p>
                        Programs that use {token.name} are refused at once and its browser sessions end. This cannot be
                        undone.
                      </p>
                    }
                    act={() =>
                      call<typeof authApi.revokeToken>('DELETE', '/v1/tokens/:id', { params: { id: token.id } })
                    }
                  />
                )}
              </td>
            </tr>
          ))}
        </DataTable>
      )}
    </Loaded>
  )
}

function Verify() {
  const verify = useMutation({
    mutationFn: () => call<typeof authApi.verifyAudit>('POST', '/v1/audit/verify', { body: {} }),
  })
  const { data } = verify
  return (
    <>
      {data !== undefined &&
        (data.ok ? (
          <Status
            word="whole"
            tone="good"
            label={`chain of ${count(data.rows)} rows verified against ${plural(data.checkpoints.count, 'checkpoint')}`}
          />
        ) : (
          <Status
            word="broken"
            tone="bad"
            label={data.seq === undefined ? (data.reason ?? '') : `broken at row ${data.seq}: ${data.reason}`}
          />
        ))}
      <ErrorText error={verify.error} />
      <button type="button" className="button" disabled={verify.isPending} onClick={() => verify.mutate()}>
        Verify the chain
      </button>
    </>
  )
}

function Audit() {
  const audit = useInfiniteQuery(read.audit)
  return (
    <PagedList list={audit} what="The audit trail" height={240}>
      {(rows) => <AuditTable rows={rows} />}
    </PagedList>
  )
}

type AuditRow = Reply<typeof authApi.listAudit>['items'][number]

function AuditTable({ rows }: { rows: readonly AuditRow[] }) {
  return (
    <DataTable headings={[['Row', 'num'], 'Who', 'Action', 'Resource', 'Hash', ['When', 'num']]}>
      {rows.map((row) => (
        <tr key={row.seq} data-row>
          <td className="num">{row.seq}</td>
          <td className="break">{row.actor}</td>
          <td>{row.verb}</td>
          <td className="break">
            {row.resource} {row.resource_id}
          </td>
          <td>
            <code title={row.hash}>{row.hash.slice(0, 12)}</code>
          </td>
          <TimeCell at={row.at} />
        </tr>
      ))}
    </DataTable>
  )
}
