/** What a walk over the files of a version found, without loading any of them. */
import { bytes, count, plural } from '../../../src/contract/text/format.ts'
import type { Version } from '../../data/queries.ts'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { DataTable } from '../table/data-table.tsx'

type Scan = NonNullable<Version['scan']>

const TONES = { clean: 'good', suspicious: 'warn', malicious: 'bad' } as const
const MOST = 50

/** The verdict in a word, with how much was looked at. */
export function Scanned({ scan }: { scan: Scan }) {
  return (
    <span className="row">
      <Status word={scan.verdict} tone={TONES[scan.verdict]} />
      <span>
        {plural(scan.files, 'file')}, {bytes(scan.bytes)}, <RelativeTime at={scan.at} />
      </span>
    </span>
  )
}

export function ScanResult({ scan }: { scan: Scan | null }) {
  if (scan === null) return <Empty title="Not scanned yet">Files are scanned when a version is registered.</Empty>
  if (scan.findings.length === 0) {
    return <Empty title="No findings">The files call only what their framework needs.</Empty>
  }
  return (
    <>
      <DataTable headings={['Level', 'Found', 'Where', 'Why']}>
        {scan.findings.slice(0, MOST).map((finding) => (
          <tr key={`${finding.file} ${finding.offset} ${finding.what}`} data-row>
            <td>
              <Status word={finding.level} tone={TONES[finding.level]} />
            </td>
            <td className="break">
              <code>{finding.what}</code>
            </td>
            <td className="break">
              {finding.file}, byte {count(finding.offset)}
            </td>
            <td className="break">{finding.reason}</td>
          </tr>
        ))}
      </DataTable>
      {scan.findings.length > MOST && (
        <p className="muted small" style={{ padding: '8px 16px' }}>
          The first {MOST} of {count(scan.findings.length)}.
        </p>
      )}
    </>
  )
}
