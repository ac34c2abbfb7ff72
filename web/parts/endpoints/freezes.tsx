/** Endpoints on which nothing may go forward now: each with its reason and its end; freezes by hand begin and end here. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import * as read from '../../data/queries.ts'
import { Empty, Loaded } from '../page/placeholders.tsx'
import { ByWhom, FreezeButton, LiftFreezeButton, Until } from '../endpoint/freeze.tsx'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { DataTable } from '../table/data-table.tsx'

export function Freezes({ endpoints }: { endpoints: readonly string[] }) {
  const freezes = useQuery(read.freezes)
  const allowed = usePermission({ verb: 'deploy', resource: 'rollouts' })
  const byHand = new Set(freezes.data?.items.filter((one) => one.by !== null).map((one) => one.endpoint))
  const free = endpoints.filter((name) => !byHand.has(name))
  return (
    <Panel
      title="Freezes"
      note="no step starts and nothing is promoted or deployed; rolling back is always possible"
      {...(allowed && free.length > 0 && { tools: <FreezeButton endpoints={free} label="Freeze an endpoint" /> })}
      flush
    >
      <Loaded query={freezes} what="The freezes" height={80}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing is frozen" />
          ) : (
            <DataTable headings={['Endpoint', 'Reason', 'Set by', 'Until', ['Act', 'sr']]}>
              {items.map((one) => (
                <tr key={one.endpoint} data-row>
                  <td>
                    <Link to="/endpoints/$name" params={{ name: one.endpoint }}>
                      {one.endpoint}
                    </Link>
                  </td>
                  <td className="break">{one.reason || '–'}</td>
                  <td>
                    <ByWhom frozen={one} />
                  </td>
                  <td>
                    <Until frozen={one} />
                  </td>
                  <td className="num">
                    {allowed && one.by !== null && (
                      <LiftFreezeButton endpoint={one.endpoint} label={`Lift the freeze of ${one.endpoint}`} />
                    )}
                  </td>
                </tr>
              ))}
            </DataTable>
          )
        }
      </Loaded>
    </Panel>
  )
}
