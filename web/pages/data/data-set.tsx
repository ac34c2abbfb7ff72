/** A data set: what its version holds, what made it and what keeps it, and what differs from another version. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { bytes, count, fullSentence } from '../../../src/contract/text/format.ts'
import { pageOf } from '../../data/page-links.ts'
import * as read from '../../data/data-sets.ts'
import type { DataSetVersion, OneDataSet } from '../../data/data-sets.ts'
import { Columns } from '../../parts/data/columns.tsx'
import { Differences } from '../../parts/data/differences.tsx'
import { OnePage } from '../../parts/page/one-page.tsx'
import { Facts, Panel } from '../../parts/page/page.tsx'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { RelativeTime } from '../../parts/page/relative-time.tsx'
import { Status } from '../../parts/page/status.tsx'
import { DataTable } from '../../parts/table/data-table.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'

export function DataSetPage() {
  const { name } = useParams({ from: '/data/$name' })
  const { project } = useSearch({ from: '/data/$name' })
  return (
    <OnePage
      title="Data set"
      crumbs={<Link to="/data">Data sets</Link>}
      query={useQuery(read.dataSet(name, project))}
      head={(set) => ({ title: set.name, lead: `Of project ${set.project}. ${fullSentence(set.note)}` })}
    >
      {(set) => <Body set={set} />}
    </OnePage>
  )
}

function Body({ set }: { set: OneDataSet }) {
  const { version, against } = useSearch({ from: '/data/$name' })
  const shown = set.items.find((one) => String(one.version) === version) ?? set.items[0]
  if (shown === undefined)
    return <p>All versions were removed. A new one is made by slipway data add {set.name} PATH.</p>
  const before = set.items.find((one) => String(one.version) === against)
  return (
    <>
      <Panel title="Versions" note="the newest first" flush>
        <DataTable
          headings={['Version', 'State', ['Rows', 'num'], ['Size', 'num'], 'Note', 'Difference', ['Data of', 'num']]}
        >
          {set.items.map((one) => (
            <VersionRow key={one.version} one={one} shown={shown} />
          ))}
        </DataTable>
      </Panel>
      {before !== undefined && <Differences before={before} after={shown} />}
      <Shown of={shown} />
    </>
  )
}

type Version = OneDataSet['items'][number]

function VersionRow({ one, shown }: { one: Version; shown: Version }) {
  const { project, name } = one
  const search = { project, version: String(one.version) }
  return (
    <tr data-row aria-current={one === shown ? 'true' : undefined}>
      <td>
        <Link to="/data/$name" params={{ name }} search={search} className="strong">
          {one.version}
        </Link>
      </td>
      <td>
        <Status word={one.state} />
      </td>
      <td className="num">{count(one.rows)}</td>
      <td className="num">{bytes(one.size)}</td>
      <td className="break">{one.note}</td>
      <td>
        {one === shown ? (
          'shown below'
        ) : (
          <Link
            to="/data/$name"
            params={{ name }}
            search={{ project, version: String(shown.version), against: String(one.version) }}
          >
            from {one.version} to {shown.version}
          </Link>
        )}
      </td>
      <TimeCell at={one.data_at} />
    </tr>
  )
}

function Shown({ of }: { of: Version }) {
  const query = useQuery(read.dataVersion(of))
  return (
    <Loaded query={query} what="The version" height={320}>
      {(version) => (
        <>
          <Panel title={`Version ${version.version}`}>
            <Details version={version} />
          </Panel>
          <Panel title="Columns" note={version.state === 'ready' ? version.reason : undefined} flush>
            <Columns version={version} />
          </Panel>
          <Panel title="Used by" flush>
            <Cited version={version} />
          </Panel>
        </>
      )}
    </Loaded>
  )
}

function Details({ version }: { version: DataSetVersion }) {
  const { made_by: made } = version
  return (
    <Facts
      items={[
        ['Digest', <code key="d">{version.digest}</code>],
        ['Files', `${count(version.files)}, ${bytes(version.size)}`],
        ['Made by', <Made key="m" made={made} />],
        ['Added', <RelativeTime key="a" at={version.created_at} />],
        ['By', version.created_by],
        ...Object.entries(version.tags),
      ]}
    />
  )
}

function Made({ made }: { made: DataSetVersion['made_by'] }) {
  if (made.kind === 'files') return made.place ?? 'files'
  if (made.kind === 'features') return `a join with features of ${made.service}@${made.version} (${made.job})`
  return (
    <Link to="/pipelines/$id" params={{ id: made.run }}>
      {made.step}.{made.output} of {made.run}
    </Link>
  )
}

function Cited({ version: { cited } }: { version: DataSetVersion }) {
  if (cited.length === 0)
    return (
      <Empty title="Nothing uses it yet">No run reads it and no model stands on it, so that it may be removed.</Empty>
    )
  return (
    <DataTable headings={['What', 'Keeps it']}>
      {cited.map(({ what, href, keeps }) => {
        const page = pageOf(href)
        return (
          <tr key={what} data-row>
            <td>{page === undefined ? what : <Link to={page}>{what}</Link>}</td>
            <td>{keeps ? 'yes: it is not removed' : 'no'}</td>
          </tr>
        )
      })}
    </DataTable>
  )
}
