/** The cell of a table that names a step of a run, of which project, and leads to it. */
import { Link } from '@tanstack/react-router'
import { declaredStep } from '../../data/pipelines/queue.ts'

export interface StepOfRun {
  readonly project: string
  readonly run: string
  readonly step: string
}

export function StepCell(one: StepOfRun) {
  return (
    <td className="key">
      <StepLink {...one} />
      <div className="muted small">
        {one.project} <code>{one.run.slice(-6)}</code>
      </div>
    </td>
  )
}

/** The name of the step alone. */
export function StepLink({ run, step }: StepOfRun) {
  return (
    <Link to="/pipelines/$id" params={{ id: run }} search={{ step: declaredStep(step) }} className="strong">
      {step}
    </Link>
  )
}
