/** The proof of a version that was made of a notebook: its verdict, each cell, and what became of the code for which reason. */
import { useQuery } from '@tanstack/react-query'
import { packageProof } from '../../data/models/package-proof.ts'
import type { FoundProof, PackageProof } from '../../data/models/package-proof.ts'
import {
  inventedText,
  inWords,
  isUnasked,
  isWhole,
  piecesTexts,
  predictionsText,
} from '../../../src/contract/packages/proof.ts'
import type { ReadCell, ReadChange } from '../../../src/contract/packages/read.ts'
import { plural } from '../../../src/contract/text/format.ts'
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

function toneOf(verdict: string): Tone {
  if (isWhole(verdict)) return 'good'
  return verdict === 'not verified' ? 'bad' : 'idle'
}

const UNASKED = 'not compared: the notebook asks its model with no rows that both runs have'

/** What the verdict of another code, of other settings or on other data is called. */
function labelOf({ differences, untold }: PackageProof): string | undefined {
  const kinds = new Set(differences.map(({ kind }) => kind))
  if (kinds.has('code')) return 'not of this code'
  if (kinds.has('model')) return 'not of this model'
  if (kinds.has('setting') || kinds.has('pipeline') || kinds.has('secret')) return 'not of these settings'
  if (kinds.has('package') || kinds.has('python')) return 'not verified: other packages'
  if (kinds.has('project')) return 'not of these packages'
  if (kinds.has('data')) return 'not on this data'
  return untold === '' ? undefined : 'of what is not known'
}

/** A verdict on something else is none on this version. */
function Verdict({ proof }: { proof: PackageProof }) {
  const label = labelOf(proof)
  const tone = label?.startsWith('not verified') === true ? 'bad' : 'warn'
  if (label !== undefined) return <Status word="changed" tone={tone} label={label} />
  return <Status word={proof.verdict} tone={toneOf(proof.verdict)} />
}

const MOST = 12

function Changed({ proof: { said, differences, untold } }: { proof: PackageProof }) {
  return (
    <>
      {differences.length > 0 && (
        <>
          <p className="break">
            This version is not what was proved. The proof said &ldquo;{said}&rdquo; of a package that differs in:
          </p>
          <ul className="stack" style={{ gap: 4 }}>
            {differences.slice(0, MOST).map((one) => (
              <li key={`${one.kind} ${one.name}`} className="break">
                {inWords(one)}
              </li>
            ))}
          </ul>
          <p className="break">
            {differences.length > MOST && `And ${differences.length - MOST} more. `}
            Prove it again with slipway package --prove.
          </p>
        </>
      )}
      {untold !== '' && (
        <p className="break">
          Whether this version was trained as the proof says &ldquo;{said}&rdquo; of is not known: {untold}.
        </p>
      )}
    </>
  )
}

function Summary({ proof }: { proof: PackageProof }) {
  const { source, verdict, why, predictions, asked, pieces, invented, saved, changes } = proof
  return (
    <div className="stack" style={{ padding: '8px 16px' }}>
      <Changed proof={proof} />
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
          ['Predictions', isUnasked(verdict) ? UNASKED : predictionsText(predictions, asked)],
          ...(pieces === undefined ? [] : piecesTexts(pieces)).map(
            (one, at) =>
              [
                at === 0 ? 'Row by row' : 'Beware',
                <span key={one} className="break">
                  {one}
                </span>,
              ] as const,
          ),
          ...(invented === undefined
            ? []
            : [
                [
                  'Made-up rows',
                  <span key="i" className="break">
                    {inventedText(invented)}
                  </span>,
                ] as const,
              ]),
          [
            'Saved model',
            <span key="m" className="break">
              {saved}
            </span>,
          ],
        ]}
      />
      {changes.length > 0 && <Changes changes={changes} />}
    </div>
  )
}

function CellRow({ cell }: { cell: ReadCell }) {
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

function Changes({ changes }: { changes: readonly ReadChange[] }) {
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
