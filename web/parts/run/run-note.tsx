/** What people wrote about a run, in Markdown; MLflow's clients keep it in a tag. */
import { send } from '../../data/mlflow.ts'
import type { Run } from '../../data/queries.ts'
import { Edit } from '../form/edit-text.tsx'
import { Markdown } from '../text/markdown.tsx'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { WRITE_RUNS } from './run-actions.tsx'

export const NOTE = 'mlflow.note.content'

export function RunNote({ run }: { run: Run }) {
  const note = run.tags[NOTE] ?? ''
  const allowed = usePermission(WRITE_RUNS)
  if (note === '' && !allowed) return null
  return (
    <Panel
      title="Notes"
      tools={
        <Edit
          label={note === '' ? 'Add a note' : 'Edit the note'}
          value={note}
          long
          hint="Markdown"
          needs={WRITE_RUNS}
          save={(value) => send('runs/set-tag', { run_id: run.id, key: NOTE, value })}
        />
      }
    >
      {note === '' ? <p className="muted">No notes yet.</p> : <Markdown text={note} />}
    </Panel>
  )
}
