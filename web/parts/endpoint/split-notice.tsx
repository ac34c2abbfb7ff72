/** An A/B whose users do not come in the plan's shares: what that means and what to do, in words. */
import { count, sentence } from '../../data/format.ts'
import { SPLIT_GATE } from '../../data/endpoints/gates.ts'
import type { Rollout } from '../../data/queries.ts'
import { Status } from '../page/status.tsx'

export function SplitNotice({ rollout }: { rollout: Rollout }) {
  const split = rollout.gates.find((gate) => gate.gate === SPLIT_GATE)
  if (split?.status !== 'failing') return null
  return (
    <div className="notice break">
      <p>
        <Status word="failing" label="the two sides are not alike" />
      </p>
      <p>
        {sentence(split.reason)}. A split that is right looks so wrong in fewer than 1 of {count(split.boundary)} A/Bs,
        however often one looks: answers of one side are lost, or something else divides the users. What the sides
        differ in is then no sign of which version is better, and no fault of version {rollout.version}.
      </p>
      <p>
        Look for callers that repeat or keep answers of one side, for predictions that are not logged, and for a cache
        or a proxy that divides users by itself. This A/B cannot be resumed: mend the cause, abort it and begin again.
      </p>
    </div>
  )
}
