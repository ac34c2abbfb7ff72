/** What people wrote about a run, in Markdown; MLflow's clients keep it in a tag. */
import { send } from '../../data/mlflow.ts'
import type { Run } from '../../data/queries.ts'
import { MarkdownPanel } from '../text/markdown-panel.tsx'
import { WRITE_RUNS } from './run-actions.tsx'

export const NOTE = 'mlflow.note.content'

export function RunNote({ run }: { run: Run }) {
  return (
    <MarkdownPanel
      title="Notes"
      text={run.tags[NOTE] ?? ''}
      empty="No notes yet."
      noun="note"
      needs={WRITE_RUNS}
      save={(value) => send('runs/set-tag', { run_id: run.id, key: NOTE, value })}
    />
  )
}
