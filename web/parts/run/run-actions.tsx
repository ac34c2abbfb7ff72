/** What a person may do to a run: rename it, put it into the bin, take it back. */
import type { Run } from '../../data/queries.ts'
import { send } from '../../data/mlflow.ts'
import { Confirm } from '../form/confirm.tsx'
import { Edit } from '../form/edit-text.tsx'

export const WRITE_RUNS = { verb: 'write', resource: 'runs' } as const

export function RunActions({ run }: { run: Run }) {
  if (run.stage === 'deleted') {
    return (
      <Confirm
        label="Restore"
        tone="primary"
        needs={WRITE_RUNS}
        preview={<p>The run returns to its experiment unchanged.</p>}
        act={() => send('runs/restore', { run_id: run.id })}
      />
    )
  }
  return (
    <>
      <Edit
        label="Rename"
        value={run.name}
        needs={WRITE_RUNS}
        save={(run_name) => send('runs/update', { run_id: run.id, run_name })}
      />
      <Confirm
        label="Delete"
        tone="danger"
        needs={WRITE_RUNS}
        preview={
          <p>
            The run moves to the bin and no longer appears in searches. It can be restored until retention removes it.
          </p>
        }
        act={() => send('runs/delete', { run_id: run.id })}
      />
    </>
  )
}
