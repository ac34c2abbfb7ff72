/** The environments of a model's images: which digest and version stands in each and since when, and every promotion. */
import { useQuery } from '@tanstack/react-query'
import * as read from '../../data/queries.ts'
import type { ImagePromotion, Standing } from '../../data/queries.ts'
import { Panel } from '../page/page.tsx'
import { Status, Tag, VersionChip } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { TimeCell } from '../table/time-cell.tsx'

/** Nothing where the server has no environments. */
export function Environments({ model }: { model: string }) {
  const { data } = useQuery(read.standings(model))
  if (data === undefined || data.items.length === 0) return null
  return (
    <>
      <Panel title="Environments" note="one image digest passes all of them" flush>
        <DataTable headings={['Environment', 'Version', 'Image', 'State', 'By', ['Since', 'num']]}>
          {data.items.map((one) => (
            <Stands key={one.environment} at={one} />
          ))}
        </DataTable>
      </Panel>
      {data.history.length > 0 && (
        <Panel title="Image promotions" flush>
          <DataTable headings={['Environment', 'From', 'To', 'Version', 'Why', 'Who', ['When', 'num']]}>
            {data.history.map((one) => (
              <Promotion key={`${one.environment} ${one.at} ${one.digest}`} promotion={one} />
            ))}
          </DataTable>
        </Panel>
      )}
    </>
  )
}

function Stands({ at: { environment, repository, standing, refusal, revoked } }: { at: Standing }) {
  if (standing === null)
    return (
      <tr data-row>
        <td>{environment}</td>
        <td>–</td>
        <td className="break muted">{repository}</td>
        <td className="muted">no image yet</td>
        <td>–</td>
        <td className="num">–</td>
      </tr>
    )
  return (
    <tr data-row>
      <td>{environment}</td>
      <td>
        <VersionChip model={standing.model} version={standing.version} />
      </td>
      <td className="break">
        <Digest digest={standing.digest} />
        <div className="muted small break">{repository}</div>
      </td>
      <td className="break">
        <State overridden={standing.refusal} refusal={refusal} revoked={revoked} />
      </td>
      <td className="break">{standing.actor}</td>
      <TimeCell at={standing.at} />
    </tr>
  )
}

function State({
  overridden,
  refusal,
  revoked,
}: {
  overridden: string | null
  refusal: string | null
  revoked: boolean
}) {
  if (refusal !== null)
    return (
      <>
        <Status word="failed" label={revoked ? 'stands, signed by a revoked key' : 'stands, would be refused now'} />
        <div className="muted small break">{refusal}</div>
      </>
    )
  if (overridden === null) return <Status word="passed" label="stands" />
  return (
    <>
      <Status word="overridden" tone="warn" label="refusal overridden" />
      <div className="muted small break">{overridden}</div>
    </>
  )
}

function Promotion({ promotion }: { promotion: ImagePromotion }) {
  const { environment, from, digest, model, version, returned, refusal, reason, actor, at } = promotion
  return (
    <tr data-row>
      <td>
        <Tag>{environment}</Tag>
      </td>
      <td>{from === null ? '–' : <Digest digest={from} />}</td>
      <td>
        <Digest digest={digest} />
      </td>
      <td>
        <VersionChip model={model} version={version} />
      </td>
      <td className="break">
        {returned && <Tag>returned</Tag>} {refusal !== null && <Tag>refusal overridden</Tag>} {reason || '–'}
        {refusal !== null && <div className="muted small break">{refusal}</div>}
      </td>
      <td className="break">{actor}</td>
      <TimeCell at={at} />
    </tr>
  )
}

/** The first of its digits; the whole of it is its title. */
function Digest({ digest }: { digest: string }) {
  return <code title={digest}>{digest.slice(7, 19)}</code>
}
