/** Last metrics and params of a run, as lists in which one can look for a name. */
import { figure } from '../../../src/contract/text/format.ts'
import type { Run } from '../../data/queries.ts'
import { Empty } from '../page/placeholders.tsx'
import { LongText } from '../page/long-text.tsx'
import { Facts } from '../page/page.tsx'
import { FilterablePanel } from '../table/filterable-panel.tsx'
import { DataTable } from '../table/data-table.tsx'

type Metric = Run['metrics'][number]

export function MetricsPanel({ metrics }: { metrics: readonly Metric[] }) {
  return (
    <FilterablePanel title="Metrics" note="last values" items={metrics} textOf={(metric) => metric.key} flush>
      {(found) =>
        found.length === 0 ? (
          <Empty title="No metrics were logged" />
        ) : (
          <DataTable headings={['Metric', ['Value', 'num'], ['Step', 'num']]}>
            {found.map((metric) => (
              <tr key={metric.key} data-row>
                <td className="key">{metric.key}</td>
                <td className="num" title={String(metric.value)}>
                  {figure(metric.value, 6)}
                </td>
                <td className="num">{metric.step}</td>
              </tr>
            ))}
          </DataTable>
        )
      }
    </FilterablePanel>
  )
}

export function ParamsPanel({ params }: { params: Readonly<Record<string, string>> }) {
  return (
    <FilterablePanel title="Params" items={Object.entries(params)} textOf={([key, value]) => `${key} ${value}`}>
      {(found) =>
        found.length === 0 ? (
          <p className="muted">No params were logged.</p>
        ) : (
          <Facts items={found.map(([key, value]) => [key, <LongText key={key} text={value} />])} />
        )
      }
    </FilterablePanel>
  )
}
