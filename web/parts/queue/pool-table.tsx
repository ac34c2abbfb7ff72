/** Pools: how full each is, who holds its places, how many steps wait, and what an admin may do. */
import { Link } from '@tanstack/react-router'
import type { poolsApi } from '../../../src/contract/pipelines/pools.ts'
import { call } from '../../data/api.ts'
import { count, plural } from '../../../src/contract/text/format.ts'
import type { Pool } from '../../data/pipelines/queue.ts'
import { Confirm } from '../form/confirm.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { ActionsCell } from '../table/actions-cell.tsx'
import { DataTable } from '../table/data-table.tsx'
import { MANAGE_POOLS, PoolForm } from './pool-form.tsx'
import { StepLink } from './step-link.tsx'

export function PoolTable({ pools }: { pools: readonly Pool[] }) {
  return (
    <DataTable
      headings={['Pool', 'Taken', 'Of one project', ['Waiting', 'num'], 'Held by', 'Changed', ['Actions', 'sr']]}
    >
      {pools.map((pool) => (
        <tr key={pool.name} data-row>
          <td className="key">
            <span className="strong">{pool.name}</span>
            {pool.note !== '' && <div className="muted small">{pool.note}</div>}
          </td>
          <td style={{ minWidth: 150 }}>
            <Taken {...pool} />
          </td>
          <td className="nowrap">{pool.per_project === null ? 'no limit' : `at most ${count(pool.per_project)}`}</td>
          <td className="num">{pool.waiting === 0 ? '0' : <Link to="/queue">{count(pool.waiting)}</Link>}</td>
          <td style={{ minWidth: 240 }}>
            <Holders {...pool} />
          </td>
          <td>
            <RelativeTime at={pool.changed_at} />
            <div className="muted small">{pool.changed_by}</div>
          </td>
          <ActionsCell>
            <PoolForm pool={pool} />
            <RemovePool name={pool.name} />
          </ActionsCell>
        </tr>
      ))}
    </DataTable>
  )
}

/** More may be taken than there is: a pool that was made smaller ends nothing. */
function Taken({ held, places }: Pick<Pool, 'held' | 'places'>) {
  return (
    <>
      <div className="nowrap">
        {count(held)} of {plural(places, 'place')}{' '}
        {places === 0 ? (
          <Status word="closed" tone="warn" />
        ) : (
          held >= places && <Status word="full" tone={held > places ? 'warn' : 'info'} />
        )}
      </div>
      <div className="bar" aria-hidden="true" style={{ marginTop: 4 }}>
        <i style={{ width: `${places === 0 ? 0 : Math.min(100, (100 * held) / places)}%` }} />
      </div>
    </>
  )
}

/** Holders that are shown at once. */
const SHOWN = 3

function Holders({ held, holders }: Pick<Pool, 'held' | 'holders'>) {
  if (held === 0) return <span className="muted">nobody</span>
  const [first, more] = [holders.slice(0, SHOWN), holders.slice(SHOWN)]
  const unseen = held - holders.length
  return (
    <>
      <HolderList holders={first} />
      {more.length > 0 && (
        <details>
          <summary>{count(more.length)} more</summary>
          <HolderList holders={more} />
        </details>
      )}
      {unseen > 0 && <span className="muted small">and {count(unseen)} not listed</span>}
    </>
  )
}

function HolderList({ holders }: Pick<Pool, 'holders'>) {
  return (
    <ul>
      {holders.map((one) => (
        <li key={`${one.run} ${one.step}`}>
          <StepLink {...one} />{' '}
          <span className="muted small">
            {one.project}, <RelativeTime at={one.since} />
          </span>
        </li>
      ))}
    </ul>
  )
}

function RemovePool({ name }: Pick<Pool, 'name'>) {
  return (
    <Confirm
      label="Remove"
      needs={MANAGE_POOLS}
      tone="danger"
      preview={
        <p>
          Removes pool <strong>{name}</strong>. Runs whose project file names it are refused from then on. It is refused
          while a step that has not ended names it.
        </p>
      }
      act={() => call<typeof poolsApi.removePool>('DELETE', '/v1/pools/:name', { params: { name } })}
    />
  )
}
