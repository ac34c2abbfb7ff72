/** Moves a run in the line: a field for its priority, as far as who looks may raise it. */
import { useId, useState } from 'react'
import type { lineApi } from '../../../src/contract/pipelines/line.ts'
import { MOST_PRIORITY } from '../../../src/contract/values/priority-range.ts'
import { call } from '../../data/api.ts'
import { ActionDialog } from '../form/action-dialog.tsx'
import { usePermission } from '../form/permissions.ts'

export interface PriorityProps {
  readonly project: string
  readonly run: string
  readonly priority: number
}

/** Nothing for who may not: a run above 0 was raised by a maintainer, and only one of them moves it. */
export function ChangePriority({ project, run, priority }: PriorityProps) {
  const mayWrite = usePermission({ verb: 'write', resource: 'pipelines' })
  const mayRaise = usePermission({ verb: 'approve', resource: 'pipelines' })
  const [typed, setTyped] = useState('')
  const [field, hint] = [useId(), useId()]
  if (!mayWrite || (priority > 0 && !mayRaise)) return null
  const most = mayRaise ? MOST_PRIORITY : 0
  const wanted = Number(typed)
  const isOdd = typed.trim() === '' || !Number.isInteger(wanted) || wanted < -MOST_PRIORITY || wanted > most
  const expected = `A whole number from -${MOST_PRIORITY} to ${most}.`
  return (
    <ActionDialog
      label="Change priority"
      submit="Move the run"
      submitTone="primary"
      incomplete={isOdd || wanted === priority}
      onOpen={() => setTyped(String(priority))}
      act={() =>
        call<typeof lineApi.setRunPriority>('POST', '/v1/pipeline-runs/:id/priority', {
          params: { id: run },
          body: { priority: wanted },
        })
      }
    >
      <p>
        Moves all waiting steps of run <code>{run.slice(-6)}</code> of {project} in the line. A point is worth ten
        minutes of waiting.
      </p>
      <div className="field">
        <label htmlFor={field}>Priority</label>
        <input
          id={field}
          type="number"
          min={-MOST_PRIORITY}
          max={most}
          step={1}
          value={typed}
          aria-describedby={hint}
          aria-invalid={isOdd}
          onChange={(event) => setTyped(event.target.value)}
        />
        <span id={hint} className={isOdd ? 'bad-text small' : 'muted small'}>
          {mayRaise ? expected : `${expected} Above 0 a maintainer has to ask.`}
        </span>
      </div>
    </ActionDialog>
  )
}
