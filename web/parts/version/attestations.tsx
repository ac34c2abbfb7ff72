/** The attestations of a version: how each reproduction came out, and whether what was signed of it holds. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { fullSentence } from '../../../src/contract/text/format.ts'
import { attestations, SHOWN } from '../../data/models/attestations.ts'
import type { Attestation, Attestations } from '../../data/models/attestations.ts'
import { gradeMeaning } from '../../data/pipelines/reproduction-queries.ts'
import { Panel } from '../page/page.tsx'
import { Empty, Loaded } from '../page/placeholders.tsx'
import { RelativeTime } from '../page/relative-time.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

/** The panel of a version. */
export function AttestationsPanel({ model, version }: { model: string; version: string }) {
  const query = useQuery(attestations(model, version))
  const isFirst = query.data?.next_page_token !== undefined
  return (
    <Panel title="Attestations" {...(isFirst && { note: `the newest ${SHOWN}` })} flush>
      <Loaded query={query} what="The attestations" height={80}>
        {(found) =>
          found.items.length === 0 ? <None of={`${model}@${version}`} found={found} /> : <Listed found={found} />
        }
      </Loaded>
    </Panel>
  )
}

function None({ of, found }: { of: string; found: Attestations }) {
  if (found.signing_key === null)
    return (
      <Empty title="Signing is off" commands={['slipway serve --signing-key key.pem']}>
        This server has no signing key, so reproductions are graded but not attested.
      </Empty>
    )
  return (
    <Empty title="No attestations yet" commands={[`slipway reproduce ${of}`]}>
      Each reproduction of this version leaves a signed statement of how it came out.
    </Empty>
  )
}

function Listed({ found: { items, signing_key: key } }: { found: Attestations }) {
  return (
    <>
      <DataTable headings={['Statement', 'Grade', 'First step that differs', 'Signed']} label="Attestations">
        {items.map((one) => (
          <Row key={`${one.run} ${one.at}`} one={one} />
        ))}
      </DataTable>
      {key === null && (
        <p className="muted" style={{ padding: '0 12px' }}>
          Signing is off: later reproductions are graded but not attested.
        </p>
      )}
    </>
  )
}

function Row({ one: { run, says, fault, key, at } }: { one: Attestation }) {
  return (
    <tr>
      <td className="break">
        {fault === null ? (
          <Status word="verified" tone="good" />
        ) : (
          <>
            <Status word="not verified" tone="bad" />
            <div className="note">{fullSentence(fault)}</div>
          </>
        )}
      </td>
      <td className="break">
        {says === null ? <span className="muted">cannot be read</span> : <Grade says={says} isHeld={fault === null} />}
        <div>
          <Link to="/pipelines/$id" params={{ id: run }}>
            proof<span className="sr"> of {run}</span>
          </Link>
        </div>
      </td>
      <td className="break">{says?.first_divergent_step ?? <span className="muted">none</span>}</td>
      <td className="break">
        <RelativeTime at={at} />
        <div className="muted small">
          key <code title={key}>{key.slice(0, 16)}</code>
        </div>
      </td>
    </tr>
  )
}

/** A grade that nothing vouches for is not shown as one that was given. */
function Grade({ says, isHeld }: { says: NonNullable<Attestation['says']>; isHeld: boolean }) {
  if (!isHeld) return <span className="muted">it says {says.grade}</span>
  return (
    <>
      {says.grade}
      <div className="muted small">{gradeMeaning(says.grade)}</div>
    </>
  )
}
