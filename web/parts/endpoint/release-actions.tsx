/** What a person may do to a rollout: approve, resume, promote, abort; in a freeze an act says that it overrides it. */
import type { rolloutApi } from '../../../src/contract/rollout.ts'
import { call } from '../../data/api.ts'
import { stepWord } from '../../../src/contract/text/format.ts'
import type { Rollout } from '../../data/queries.ts'
import { Confirm } from '../form/confirm.tsx'
import { frozenSentence, useFrozen } from './freeze.tsx'
import { usePermission } from '../form/permissions.ts'

const RUNNING = ['starting', 'shadow', 'canary', 'paused']

const ACTS = [
  {
    action: 'abort',
    label: 'Abort',
    tone: 'danger',
    preview: 'Within 1 s the candidate gets no more traffic and the stable version serves everything.',
  },
  {
    action: 'resume',
    label: 'Resume',
    tone: 'plain',
    preview: 'The rollout continues at the step where it paused; its gates keep their evidence.',
  },
  {
    action: 'promote',
    label: 'Promote',
    tone: 'primary',
    preview:
      'The candidate gets 100 % of the traffic within 1 s if the gates of its model pass; the current version stays loaded for a rollback.',
  },
] as const

type Action = (typeof ACTS)[number]['action'] | 'approve'

export function ReleaseActions({ rollout }: { rollout: Rollout }) {
  // asked of the endpoint: a rollout that is paused does not tell of the freeze that holds its next act up
  const frozen = frozenSentence(useFrozen(rollout.endpoint))
  const allowed = usePermission({ verb: 'deploy', resource: 'rollouts' })
  if (!allowed || !RUNNING.includes(rollout.state)) return null
  const act = (action: Action) => (reason: string) =>
    call<typeof rolloutApi.act>('POST', '/v1/rollouts/:id/actions', {
      params: { id: rollout.id },
      body: { action, reason, ...(frozen !== null && (action === 'promote' || action === 'resume') && OVERRIDE) },
    })
  return (
    <>
      {rollout.awaits !== null && <Approve awaits={rollout.awaits} act={act('approve')} />}
      {ACTS.filter(({ action }) => action !== 'resume' || mayResume(rollout)).map(
        ({ action, label, tone, preview }) => (
          <Confirm
            key={action}
            label={label}
            tone={tone}
            reason="required"
            preview={<p>{preview}</p>}
            frozen={action === 'abort' ? null : frozen}
            act={act(action)}
          />
        ),
      )}
    </>
  )
}

/** What failed fails again at once: such a pause ends by a promotion or an abort. */
function mayResume({ state, gates }: Rollout): boolean {
  return state === 'paused' && !gates.some((gate) => gate.status === 'failing')
}

const OVERRIDE = { override_freeze: true }

interface ApproveProps {
  readonly awaits: NonNullable<Rollout['awaits']>
  readonly act: (reason: string) => Promise<unknown>
}

function Approve({ awaits, act }: ApproveProps) {
  const step = stepWord(awaits.before)
  return (
    <Confirm
      label={`Approve ${step}`}
      tone="primary"
      reason="required"
      preview={
        <p>
          All gates pass; the plan requires the approval of {awaits.role === 'admin' ? 'an admin' : 'a maintainer'}{' '}
          before {step}. Your name and reason are recorded.
        </p>
      }
      act={act}
    />
  )
}
