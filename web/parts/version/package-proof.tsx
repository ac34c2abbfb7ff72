/** The proof of a version that was made of a notebook: its verdict, each cell, and what became of the code for which reason. */
import { useQuery } from '@tanstack/react-query'
import { packageProof } from '../../data/models/package-proof.ts'
import type { FoundProof, PackageProof, ProofCell, ProofChange } from '../../data/models/package-proof.ts'
import { plural } from '../../data/format.ts'
import type { Tone } from '../../data/tones.ts'
import { Facts, Panel } from '../page/page.tsx'
import { Empty, Failure, Loading } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'

/** The panel of a version. */
export function PackageProofPanel({ model, version }: { model: string; version: string }) {
  const query = useQuery(packageProof(model, version))
  if (query.data === undefined)
    return (
      <Panel title="Proof of the notebook">
        {query.error === null ? (
          <Loading height={80} />
        ) : (
          <Failure what="The proof" error={query.error} retry={() => void query.refetch()} />
        )}
      </Panel>
    )
  return <Found found={query.data} />
}

function Found({ found }: { found: FoundProof }) {
  if (found.state === 'absent')
    return (
      <Panel title="Proof of the notebook">
        <Empty title="No proof">
          Versions that come from a package of slipway package bring the report of its proof.
        </Empty>
      </Panel>
    )
  if (found.state === 'broken')
    return (
      <Panel title="Proof of the notebook" note={<Status word="unreadable" tone="warn" />}>
        <Empty title="The report cannot be read">
          This version has a report of a proof, but {found.why}. So nothing is known of what was proved.
        </Empty>
      </Panel>
    )
  const { proof } = found
  return (
    <Panel title="Proof of the notebook" note={<Verdict proof={proof} />} flush long={proof.cells.length > 12}>
      <Summary proof={proof} />
      <DataTable
        headings={[['Cell', 'num'], 'Became', 'Verdict', 'Why, and what was changed']}
        label="Verdict of each cell"
      >
        {proof.cells.map((cell) => (
          <CellRow key={cell.cell} cell={cell} />
        ))}
      </DataTable>
    </Panel>
  )
}

const TONES: Readonly<Record<string, Tone>> = {
  verified: 'good',
  'within tolerance': 'good',
  'not verified': 'bad',
}

function toneOf(verdict: string): Tone {
  return TONES[verdict] ?? 'idle'
}

/** A verdict on other code is none on this one. */
function Verdict({ proof }: { proof: PackageProof }) {
  if (proof.others.length > 0) return <Status word="changed" tone="warn" label="not of this code" />
  return <Status word={proof.verdict} tone={toneOf(proof.verdict)} />
}

function Summary({ proof }: { proof: PackageProof }) {
  const { source, verdict, why, predictions, saved, changes, others } = proof
  return (
    <div className="stack" style={{ padding: '8px 16px' }}>
      {others.length > 0 && (
        <p className="break">
          The code was changed after the proof, which said &ldquo;{verdict}&rdquo; of other files:{' '}
          <code>{others.slice(0, 8).join(', ')}</code>
          {others.length > 8 && ` and ${others.length - 8} more`}. Prove it again with slipway package --prove.
        </p>
      )}
      <Facts
        items={[
          [
            'Made from',
            <span key="s" className="break">
              {source}
            </span>,
          ],
          ...(why === ''
            ? []
            : [
                [
                  'Why',
                  <span key="w" className="break">
                    {why}
                  </span>,
                ] as const,
              ]),
          ['Predictions', predictions === '' ? 'not told' : predictions],
          [
            'Saved model',
            <span key="m" className="break">
              {saved === '' ? 'not told' : saved}
            </span>,
          ],
        ]}
      />
      {changes.length > 0 && <Changes changes={changes} />}
    </div>
  )
}

function CellRow({ cell }: { cell: ProofCell }) {
  const { cell: number, functions, verdict, why, skipped, changes } = cell
  return (
    <tr data-row>
      <td className="num">{number}</td>
      <td className="break">
        <code>{functions.join(', ')}</code>
      </td>
      <td>
        <Status word={verdict} tone={toneOf(verdict)} />
      </td>
      <td className="break" style={{ minWidth: 260 }}>
        {why.map((one) => (
          <div key={one}>{one}</div>
        ))}
        {changes.length > 0 && (
          <details>
            <summary>{plural(changes.length, 'finding')}</summary>
            <Changes changes={changes} />
          </details>
        )}
        {skipped.map((one) => (
          <div key={one} className="muted">
            not compared: {one}
          </div>
        ))}
      </td>
    </tr>
  )
}

function Changes({ changes }: { changes: readonly ProofChange[] }) {
  return (
    <ul className="stack" style={{ gap: 4 }}>
      {changes.map(({ code, found, treatment, action }, at) => (
        // a report may say the same twice
        // oxlint-disable-next-line react/no-array-index-key
        <li key={at} className="break">
          <strong>{code}</strong> {found}; {treatment}: {action}
        </li>
      ))}
    </ul>
  )
}
