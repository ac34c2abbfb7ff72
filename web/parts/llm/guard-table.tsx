/** What guardrails found in a call. */
import { count } from '../../../src/contract/text/format.ts'
import type { LlmCallDetail } from '../../data/llm/queries.ts'
import { DataTable } from '../table/data-table.tsx'

type Guard = LlmCallDetail['guards'][number]

const DONE: Readonly<Record<Guard['action'], string>> = {
  block: 'ended the call',
  redact: 'replaced it',
  flag: 'noted it',
  failed: 'could not look; the call passed',
}

export function GuardTable({ guards }: { guards: readonly Guard[] }) {
  return (
    <DataTable headings={['Guardrail', 'Looked at', ['Found', 'num'], 'What it did']}>
      {guards.map(({ name, on, action, found, detail }, at) => (
        // oxlint-disable-next-line react/no-array-index-key -- findings have no id, and their order is their meaning
        <tr key={at} data-row>
          <td className="break">{name}</td>
          <td>{on === 'request' ? 'the request' : 'the answer'}</td>
          <td className="num">{count(found)}</td>
          <td className="break">
            {DONE[action]}
            {detail !== undefined && <div className="muted small">{detail}</div>}
          </td>
        </tr>
      ))}
    </DataTable>
  )
}
