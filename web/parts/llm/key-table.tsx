/** Virtual keys with what each may call, how much, and what it did of late. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { llmKeysApi } from '../../../src/contract/llm/keys.ts'
import { count, plural } from '../../../src/contract/text/format.ts'
import { call } from '../../data/api.ts'
import { shortCount } from '../../data/llm/amounts.ts'
import type { LlmFigures, LlmKey } from '../../data/llm/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { usePermission } from '../form/permissions.ts'
import { RelativeTime, useNow } from '../page/relative-time.tsx'
import { Status, Tags } from '../page/status.tsx'
import { ActionsCell } from '../table/actions-cell.tsx'
import { DataTable } from '../table/data-table.tsx'
import { CostSum } from './cost-sum.tsx'
import { MANAGE_KEYS } from './new-key.tsx'

export interface KeyTableProps {
  readonly keys: readonly LlmKey[]
  /** What each did in the last day, by its id; one that is not there did nothing. Undefined = not known. */
  readonly used: ReadonlyMap<string | null, LlmFigures> | undefined
}

export function KeyTable({ keys, used }: KeyTableProps) {
  const manages = usePermission(MANAGE_KEYS)
  return (
    <DataTable
      headings={[
        'Key',
        'State',
        'May call',
        'Limits',
        'Whose',
        'Content',
        ['Requests, 24 h', 'num'],
        ['Cost, 24 h', 'num'],
        ...(manages ? [['Actions', 'sr'] as const] : []),
      ]}
    >
      {keys.map((key) => (
        <tr key={key.id} data-row>
          <td className="break">
            <Link to="/llm" search={{ key: key.id }}>
              {key.name}
            </Link>
            <div className="muted small">of project {key.project}</div>
          </td>
          <td>
            <State of={key} />
          </td>
          <td className="break">{key.models === null ? 'all endpoints' : key.models.join(', ') || 'none'}</td>
          <td className="nowrap">
            <Limits of={key} />
          </td>
          <td className="break">
            <Whose of={key} />
          </td>
          <td>{key.content ? 'kept' : 'digests alone'}</td>
          <Used of={used} id={key.id} />
          {manages && <ActionsCell>{!key.revoked && <Revoke of={key} />}</ActionsCell>}
        </tr>
      ))}
    </DataTable>
  )
}

function State({ of }: { of: LlmKey }) {
  const now = useNow()
  if (of.revoked) return <Status word="revoked" tone="idle" />
  if (of.expires_at === null) return <Status word="valid" tone="good" />
  const isOver = Date.parse(of.expires_at) <= now
  return (
    <>
      <Status word={isOver ? 'expired' : 'valid'} tone={isOver ? 'warn' : 'good'} />
      <div className="muted small">
        {isOver ? 'ended' : 'ends'} <RelativeTime at={of.expires_at} />
      </div>
    </>
  )
}

function Limits({ of: { rpm, tpm, concurrency } }: { of: LlmKey }): ReactNode {
  if (rpm === null && tpm === null && concurrency === null) return <span className="muted">none</span>
  return (
    <>
      {rpm !== null && <div>{count(rpm)} calls/min</div>}
      {tpm !== null && <div>{shortCount(tpm)} tokens/min</div>}
      {concurrency !== null && <div>{plural(concurrency, 'call')} at once</div>}
    </>
  )
}

function Whose({ of: { user, team, tags } }: { of: LlmKey }) {
  if (user === null && team === null && tags.length === 0) return <span className="muted">nobody named</span>
  return (
    <>
      {team !== null && <div>team {team}</div>}
      {user !== null && <div>{user}</div>}
      {tags.length > 0 && <Tags words={tags} />}
    </>
  )
}

const NOTHING = { cost_nanodollars: 0, unpriced: 0 }

function Used({ of, id }: { of: KeyTableProps['used']; id: string }) {
  const used = of?.get(id)
  return (
    <>
      <td className="num">{count(of === undefined ? null : (used?.requests ?? 0))}</td>
      <td className="num">{of === undefined ? '–' : <CostSum of={used ?? NOTHING} />}</td>
    </>
  )
}

function Revoke({ of }: { of: LlmKey }) {
  return (
    <Confirm
      label="Revoke"
      needs={MANAGE_KEYS}
      tone="danger"
      preview={
        <p>Programs that use {of.name} are refused at once. Its calls stay in the log. This cannot be undone.</p>
      }
      act={() => call<typeof llmKeysApi.removeLlmKey>('DELETE', '/v1/llm/keys/:id', { params: { id: of.id } })}
    />
  )
}
