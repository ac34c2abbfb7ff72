/** An A/B test whose users do not arrive in the shares of the plan: what that means and what to do. */
import { count, fullSentence } from '../../../src/contract/text/format.ts'
import { SPLIT_GATE } from '../../data/endpoints/gates.ts'
import type { Rollout } from '../../data/queries.ts'
import { Status } from '../page/status.tsx'

export function SplitNotice({ rollout }: { rollout: Rollout }) {
  const split = rollout.gates.find((gate) => gate.gate === SPLIT_GATE)
  if (split?.status !== 'failing') return null
  return (
    <div className="notice break">
      <p>
        <Status word="failing" label="the traffic split is biased" />
      </p>
      <p>
        {fullSentence(split.reason)} With a correct split, a deviation this large occurs in fewer than 1 of{' '}
        {count(split.boundary)} A/B tests, however often one looks. Responses of one version are lost, or something else
        divides the users. The figures of the two versions cannot be compared until this is fixed; it is not a fault of
        version {rollout.version}.
      </p>
      <p>
        Look for callers that retry or cache responses of one version, for predictions that are not logged, and for a
        cache or proxy that divides users by itself. This A/B test cannot be resumed: fix the cause, abort the rollout
        and start a new one.
      </p>
    </div>
  )
}
