/** A model: its versions, and every move of its aliases. */
import { useQuery } from '@tanstack/react-query'
import { Link, Navigate, useParams } from '@tanstack/react-router'
import { bytes } from '../../../src/contract/text/format.ts'
import { Empty, Loaded } from '../../parts/page/placeholders.tsx'
import { AskedGates } from '../../parts/model/asked-gates.tsx'
import { ModelDescription } from '../../parts/model/description.tsx'
import { Environments } from '../../parts/model/environments.tsx'
import { AliasHistory } from '../../parts/model/moves.tsx'
import { Page, Panel } from '../../parts/page/page.tsx'
import { Status, Tags, VersionChip } from '../../parts/page/status.tsx'
import { TimeCell } from '../../parts/table/time-cell.tsx'
import { isPrompt } from '../../data/models/prompts.ts'
import * as read from '../../data/queries.ts'
import type { Version } from '../../data/queries.ts'
import { DataTable } from '../../parts/table/data-table.tsx'

export function ModelPage() {
  const { name } = useParams({ from: '/models/$name' })
  const model = useQuery(read.model(name))
  const versions = useQuery(read.versions(name))
  const moves = useQuery(read.moves(name))
  if (model.data !== undefined && isPrompt(model.data.tags)) {
    return <Navigate to="/prompts/$name" params={{ name }} replace />
  }
  const described = (model.data?.description ?? '') !== ''
  const facts = model.data && (
    <ModelDescription model={name} description={model.data.description} tags={model.data.tags} />
  )
  return (
    <Page
      title={name}
      crumbs={<Link to="/models">Models</Link>}
      {...(versions.data && { actions: <CompareRuns items={versions.data.items} /> })}
    >
      <AskedGates model={name} />
      {described && facts}
      <Panel title="Versions" note="the newest first" flush>
        <Loaded query={versions} what={`The versions of ${name}`} height={260}>
          {({ items }) => <Versions items={items} />}
        </Loaded>
      </Panel>
      <Environments model={name} />
      {!described && facts}
      <AliasHistory query={moves} />
    </Page>
  )
}

/** The runs that made the versions, side by side. */
function CompareRuns({ items }: { items: readonly Version[] }) {
  const ids = [...new Set(items.flatMap(({ run_id }) => (run_id === null ? [] : [run_id])))].slice(0, 100)
  if (ids.length < 2) return null
  return (
    <Link to="/runs/compare" search={{ ids }} className="button">
      Compare the runs of the versions
    </Link>
  )
}

function Versions({ items }: { items: readonly Version[] }) {
  if (items.length === 0) return <Empty title="No versions yet" commands={['slipway run']} />
  return (
    <DataTable headings={['Version', 'Aliases', 'Gates', 'Served', ['Size', 'num'], 'By', ['Created', 'num']]}>
      {items.map((one) => (
        <tr key={one.version} data-row>
          <td>
            <VersionChip model={one.model} version={one.version} />
          </td>
          <td>
            <Tags words={one.aliases} />
          </td>
          <td>
            <GateSummary verdict={one.verdict} />
          </td>
          <td>
            <Status word={one.lowering.state} label={HOW[one.lowering.state]} />
          </td>
          <td className="num">{bytes(one.size)}</td>
          <td className="break">{one.created_by}</td>
          <TimeCell at={one.created_at} />
        </tr>
      ))}
    </DataTable>
  )
}

const HOW: Record<Version['lowering']['state'], string> = {
  pending: 'not checked yet',
  native: 'natively',
  onnx: 'by ONNX Runtime',
  python: 'in Python',
  failed: 'cannot be served',
}

function GateSummary({ verdict }: { verdict: Version['verdict'] }) {
  if (verdict === null) return <span className="muted">not evaluated</span>
  const passed = verdict.gates.filter((gate) => gate.outcome === 'passed').length
  return <Status word={verdict.passed ? 'passed' : 'failed'} label={`${passed} of ${verdict.gates.length} passed`} />
}
