/** Saves what a search of runs finds as a CSV file. */
import { useMutation } from '@tanstack/react-query'
import { csvOf } from '../../data/runs/csv.ts'
import { count } from '../../../src/contract/text/format.ts'
import { pageOfRuns } from '../../data/queries.ts'
import type { RunRow, RunsQuery } from '../../data/queries.ts'
import { ErrorText } from '../form/error-text.tsx'

const PAGE = 1000
const MOST = 10_000

export function SaveCsv({ ask }: { ask: RunsQuery }) {
  const save = useMutation({ mutationFn: () => readAll(ask).then((rows) => give(csvOf(rows, ask.columns))) })
  return (
    <>
      <ErrorText error={save.error} />
      <button
        type="button"
        className="button"
        title={`The shown columns of the first ${count(MOST)} runs of the search`}
        disabled={save.isPending}
        onClick={() => save.mutate()}
      >
        {save.isPending ? 'Reading' : 'Save as CSV'}
      </button>
    </>
  )
}

async function readAll(ask: RunsQuery): Promise<RunRow[]> {
  const rows: RunRow[] = []
  let token: string | undefined = ''
  while (token !== undefined && rows.length < MOST) {
    const page: Awaited<ReturnType<typeof pageOfRuns>> = await pageOfRuns(ask, PAGE, token)
    rows.push(...page.items)
    token = page.next_page_token
  }
  return rows
}

function give(text: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
  link.download = 'runs.csv'
  link.click()
  URL.revokeObjectURL(link.href)
}
