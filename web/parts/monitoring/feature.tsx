/** One feature now and at baseline: its distribution, figures, new values and checks. */
import { useQuery } from '@tanstack/react-query'
import { Bars } from '../../charts/bars.tsx'
import { count, figure, words } from '../../../src/contract/text/format.ts'
import * as read from '../../data/queries.ts'
import type { Feature } from '../../data/queries.ts'
import { CheckTable } from './checks.tsx'
import { Loaded } from '../page/placeholders.tsx'
import { Panel } from '../page/page.tsx'
import { DataTable } from '../table/data-table.tsx'

export function FeaturePanel({ endpoint, feature, range }: { endpoint: string; feature: string; range: read.Range }) {
  const one = useQuery(read.feature(endpoint, feature, range))
  return (
    <Panel title={`Feature ${feature}`} note="now against the baseline" flush>
      <Loaded query={one} what={`The feature ${feature}`} height={320}>
        {(data) => (
          <>
            <div className="two" style={{ padding: '12px 16px' }}>
              <Bars bins={data.bins} />
              <Compared feature={data} />
            </div>
            <CheckTable checks={data.checks} />
          </>
        )}
      </Loaded>
    </Panel>
  )
}

function Compared({ feature }: { feature: Feature }) {
  const keys = [...new Set([...Object.keys(feature.baseline), ...Object.keys(feature.window)])]
  return (
    <div style={{ display: 'grid', gap: 12 }}>
      <DataTable headings={['Figure', ['Baseline', 'num'], ['Now', 'num']]}>
        {keys.map((key) => (
          <tr key={key}>
            <td>{words(key)}</td>
            <td className="num">{figure(feature.baseline[key])}</td>
            <td className="num">{figure(feature.window[key])}</td>
          </tr>
        ))}
      </DataTable>
      {feature.new_values.length > 0 && (
        <p className="break">
          New values: {feature.new_values.map(({ value, count: n }) => `${value} (${count(n)})`).join(', ')}
        </p>
      )}
    </div>
  )
}
