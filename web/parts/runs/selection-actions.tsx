/** What is done to the chosen runs together: compared, tagged, put into the bin, taken back. */
import { Link } from '@tanstack/react-router'
import { plural } from '../../../src/contract/text/format.ts'
import { each, send } from '../../data/mlflow.ts'
import { Confirm } from '../form/confirm.tsx'
import { Edit } from '../form/edit-text.tsx'
import { WRITE_RUNS } from '../run/run-actions.tsx'

export interface SelectionActionsProps {
  readonly chosen: string[]
  /** True when the bin is shown. */
  readonly deleted: boolean
  /** Called when the runs have left the table. */
  readonly onGone: () => void
}

export function SelectionActions({ chosen, deleted, onGone }: SelectionActionsProps) {
  if (chosen.length === 0) return <CompareLink chosen={chosen} />
  const runs = plural(chosen.length, 'run')
  const all = (path: string) => async () => {
    await each(chosen, (run_id) => send(path, { run_id }))
    onGone()
  }
  if (deleted) {
    return (
      <Confirm
        label={`Restore ${runs}`}
        tone="primary"
        needs={WRITE_RUNS}
        preview={<p>They return to their experiments unchanged.</p>}
        act={all('runs/restore')}
      />
    )
  }
  return (
    <>
      <Edit
        label={`Tag ${runs}`}
        value=""
        hint="KEY=VALUE; replaces an existing tag with this key."
        needs={WRITE_RUNS}
        save={(text) => tagAll(chosen, text)}
      />
      <Confirm
        label={`Delete ${runs}`}
        tone="danger"
        needs={WRITE_RUNS}
        preview={
          <p>
            They move to the bin and no longer appear in searches. They can be restored until retention removes them.
          </p>
        }
        act={all('runs/delete')}
      />
      <CompareLink chosen={chosen} />
    </>
  )
}

async function tagAll(chosen: readonly string[], text: string): Promise<void> {
  const at = text.indexOf('=')
  const key = text.slice(0, Math.max(0, at)).trim()
  if (key === '') throw new Error(`"${text}" is not KEY=VALUE`)
  await each(chosen, (run_id) => send('runs/set-tag', { run_id, key, value: text.slice(at + 1).trim() }))
}

function CompareLink({ chosen }: { chosen: string[] }) {
  if (chosen.length < 2) {
    return (
      <button type="button" className="button" disabled>
        Select runs to compare
      </button>
    )
  }
  return (
    <Link to="/runs/compare" search={{ ids: chosen }} className="button primary">
      Compare {chosen.length} runs
    </Link>
  )
}
