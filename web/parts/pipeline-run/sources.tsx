/** What declared sources gave a run: where it was read, which state of it, how much, and whether it was too old. */
import { bytes, count, duration, fullSentence } from '../../../src/contract/text/format.ts'
import type { PipelineRun } from '../../data/queries.ts'
import { useContents, VersionLinks } from '../data/version-link.tsx'
import type { Contents } from '../data/version-link.tsx'
import { Panel } from '../page/page.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

type Source = NonNullable<PipelineRun['sources']>[number]

/** Characters of a digest that are shown; the whole stands in its title. */
const SHOWN = 12

export function SourcesPanel({ sources }: { sources: readonly Source[] }) {
  const contents = useContents(sources.map(({ digest }) => digest))
  return (
    <Panel title="Sources" note="read once before the first step; retries and proofs take the same content" flush>
      {sources.length === 0 ? (
        <p className="empty">They have not been read.</p>
      ) : (
        <DataTable
          headings={['Source', 'Place', 'Version', 'Content', ['Rows', 'num'], ['Size', 'num'], 'Age then', 'Read']}
        >
          {sources.map((source) => (
            <Row key={source.name} source={source} contents={contents} />
          ))}
        </DataTable>
      )}
    </Panel>
  )
}

function Row({ source, contents }: { source: Source; contents: Contents }) {
  const { name, kind, place, version, digest, rows, size, files, data_at, read_at, unchanged, stale } = source
  return (
    <tr>
      <td className="key">{name}</td>
      <td className="break">
        {kind} <code>{place}</code>
        {stale !== null && <div>{fullSentence(stale)}</div>}
      </td>
      <td className="break">{version ?? '–'}</td>
      <td>
        <code title={digest}>{digest.replace('sha256:', '').slice(0, SHOWN)}</code>
        <VersionLinks found={contents.get(digest)} />
      </td>
      <td className="num">{rows === null ? '–' : count(rows)}</td>
      <td className="num" title={`${files} ${files === 1 ? 'file' : 'files'}`}>
        {bytes(size)}
      </td>
      <td>
        {data_at === null ? '–' : duration(Math.max(0, Date.parse(read_at) - Date.parse(data_at)))}
        {stale !== null && (
          <>
            {' '}
            <Status word="stale" tone="warn" />
          </>
        )}
      </td>
      <td>
        <RelativeTime at={read_at} />
        {unchanged && ', unchanged'}
      </td>
    </tr>
  )
}
