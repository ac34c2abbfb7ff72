/** What the inputs add to the scores of an endpoint, now and in the first days of its version. */
import type { AttributionCheck } from '../../../src/contract/monitoring.ts'
import { count, figure, percent } from '../../../src/contract/text/format.ts'
import { CheckTable } from './checks.tsx'
import { Panel } from '../page/page.tsx'
import { DataTable } from '../table/data-table.tsx'

export function AttributionPanel({ attribution }: { attribution: AttributionCheck }) {
  const { check, baseline_rows: rows, ndcg, inputs } = attribution
  const ranking = ndcg === null ? '' : `, NDCG of the ranking ${figure(ndcg)}`
  return (
    <Panel
      title="Attributions"
      note={`share of the score that each input contributes; ${count(rows)} explained rows in the baseline${ranking}`}
      flush
    >
      <CheckTable checks={[check]} />
      {inputs.length > 0 && (
        <DataTable
          label="Inputs whose share changed most"
          headings={['Input', ['Share before', 'num'], ['Share now', 'num']]}
        >
          {inputs.map(({ name, share, baseline_share: before }) => (
            <tr key={name}>
              <td>{name}</td>
              <td className="num">{percent(before)}</td>
              <td className="num">{percent(share)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </Panel>
  )
}
