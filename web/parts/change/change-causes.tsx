/** What of a change may be why its model differs: data, packages, and which steps ran. */
import type { ChangeReport } from '../../../src/contract/changes/report.ts'
import { count, duration, figure, percent, plural } from '../../../src/contract/text/format.ts'
import { Panel } from '../page/page.tsx'
import { Empty } from '../page/placeholders.tsx'
import { Status } from '../page/status.tsx'
import { DataTable } from '../table/data-table.tsx'
import { WhyCell } from '../table/gate-cells.tsx'

type Data = ChangeReport['data'][number]

export function ChangedData({ data }: { data: Data }) {
  const against = data.against === 'production' ? 'production' : 'the merge base'
  return (
    <Panel title={`Data: ${data.name}`} note={`against ${against}`} flush={data.compared && !data.same}>
      {data.same ? (
        <p>The same, byte for byte.</p>
      ) : data.compared ? (
        <Columns data={data} />
      ) : (
        <p>It differs; it is no table or too large to be compared by columns.</p>
      )}
    </Panel>
  )
}

function Columns({ data }: { data: Data }) {
  const schema = [
    ...data.added.map((name) => `${name} is new`),
    ...data.removed.map((name) => `${name} is gone`),
    ...data.retyped.map(({ column, before, after }) => `${column} was ${before} and is ${after}`),
  ]
  return (
    <>
      <div style={{ padding: '8px 16px' }}>
        {data.rows !== null && (
          <p>
            {count(data.rows.before)} rows before, {count(data.rows.after)} now.
          </p>
        )}
        <p className="break">{schema.length === 0 ? 'The same columns.' : `Columns: ${schema.join('; ')}.`}</p>
      </div>
      {data.drift.length > 0 && (
        <DataTable headings={['Column', ['Drift (PSI)', 'num'], ['Missing before', 'num'], ['Missing now', 'num']]}>
          {data.drift.map((one) => (
            <tr key={one.column} data-row>
              <td className="break">{one.column}</td>
              <td className="num">{figure(one.psi)}</td>
              <td className="num">{percent(one.nulls_before)}</td>
              <td className="num">{percent(one.nulls_after)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </>
  )
}

export function ChangedPackages({ report: { packages, packages_note } }: { report: ChangeReport }) {
  return (
    <Panel title="Packages" note={packages_note} flush long={packages.length > 20}>
      {packages.length === 0 ? (
        <Empty title="None changed" />
      ) : (
        <DataTable headings={['Package', 'Before', 'Now']}>
          {packages.map(({ name, before, after }) => (
            <tr key={name} data-row>
              <td className="break">{name}</td>
              <td>{before ?? '–'}</td>
              <td>{after ?? '–'}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </Panel>
  )
}

export function ChangeSteps({ steps }: { steps: ChangeReport['steps'] }) {
  const of = (state: string): number => steps.filter((one) => one.state === state).length
  return (
    <Panel
      title="Steps"
      note={`${of('cached')} cached, ${of('succeeded')} run, ${plural(of('failed'), 'failure')}`}
      flush
    >
      <DataTable headings={['Step', 'State', ['Time', 'num'], 'Why']}>
        {steps.map((one) => (
          <tr key={one.name} data-row>
            <td className="break">{one.name}</td>
            <td>
              <Status word={one.state} />
            </td>
            <td className="num">{duration(one.duration_ms)}</td>
            <WhyCell>{one.why}</WhyCell>
          </tr>
        ))}
      </DataTable>
    </Panel>
  )
}
