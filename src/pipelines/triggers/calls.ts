/** Calls of triggers: judged by their signature, kept, and each that is right noticed once. */
import { createHash, randomBytes } from 'node:crypto'
import type { Principal } from '../../contract/access.ts'
import { ifJson } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { DAY_MS } from '../../contract/ids.ts'
import type { DeliveryOutcome } from '../../contract/pipelines/triggers.ts'
import type { Tx } from '../../store/db.ts'
import { faultPoint } from '../../store/fault.ts'
import type { Context } from '../context/context.ts'
import { isCalled, type TriggerSpec } from '../spec/triggers/triggers.ts'
import { keepEvents, readTrigger, type Happened, type Named, type TriggerRow } from './rows.ts'
import { judgeCall, SECRET_PREFIX, type Call } from './signature.ts'

/** Calls that are kept of a trigger: refused ones, so that whoever calls without a secret fills no disk, and others. */
const [KEPT_REFUSALS, KEPT_CALLS] = [100, 1000]
/** A refused call is kept no more often, ms. */
const REFUSAL_MS = 1000
const SECRET_BYTES = 32
/**
 * A push that is older starts nothing, ms: a call that somebody has kept may be sent again once its event is dropped. GitHub sends a call
 * again for three days when it is asked to.
 */
const PUSH_MS = 7 * DAY_MS

interface Answer {
  readonly outcome: DeliveryOutcome
  readonly reason: string
}

/** The path that others call. */
export function pathOf({ project, name }: Named): string {
  return `/v1/hooks/${project}/${name}`
}

/** What a secret is sealed for. */
function boundTo({ project, name }: Named): string {
  return `trigger ${project}/${name}`
}

/** Makes the secret of a trigger, in place of the one before. Throws `conflict` for one that nobody calls. */
export async function makeSecret({ deps }: Context, who: Principal, trigger: TriggerRow): Promise<string> {
  const { db, seal, record } = deps
  const { project, name, spec } = trigger
  if (!isCalled(spec)) {
    const detail = `trigger ${name} looks itself, on ${spec.on}; only those on webhook and merge are called and have a secret`
    throw problem('conflict', { detail })
  }
  const secret = `${SECRET_PREFIX}${randomBytes(SECRET_BYTES).toString('base64')}`
  await db.tx(async (t) => {
    await t.run('UPDATE pipeline_triggers SET secret = ? WHERE project = ? AND name = ?', [
      seal.seal(secret, boundTo(trigger)),
      project,
      name,
    ])
    const detail = { made: 'secret of trigger', name, replaced: trigger.secret !== null }
    await record(t, who, { verb: 'write', resource: 'pipelines', id: project, detail })
  })
  return secret
}

/** When a refused call was kept last, by trigger. */
const refusedAt = new Map<string, number>()

/** Takes a call. Throws `unauthenticated`, with the same words whether there is such a trigger or not. */
export async function takeCall(context: Context, named: Named, call: Call): Promise<Answer> {
  const { db, seal, clock } = context.deps
  const trigger = await readTrigger(db, named)
  const spec = trigger?.spec
  if (trigger === undefined || spec === undefined || !isCalled(spec) || trigger.secret === null) throw unsigned()
  const judged = judgeCall(
    call,
    seal.open(trigger.secret, boundTo(named)),
    clock(),
    spec.on === 'merge' ? spec.host : undefined,
  )
  if ('refused' in judged) {
    await keepRefusal(context, trigger, judged.delivery, judged.refused)
    throw unsigned()
  }
  const { delivery } = judged
  return keepCall(context, trigger, { delivery, happened: happenedIn(spec, call, delivery, clock()) })
}

function unsigned(): Error {
  const detail = 'the call is not signed with the secret of a trigger of this path; its deliveries say why'
  return problem('unauthenticated', { detail })
}

/** What is read of a push. Its time, in seconds since 1970, is GitHub's alone: GitLab tells none, and what it sends is not signed but bears the secret. */
interface Push {
  readonly ref?: unknown
  readonly after?: unknown
  readonly repository?: { readonly pushed_at?: unknown } | null
}

/** What a call that is signed tells; why it is nothing to start a run for, where it is not. */
function happenedIn(spec: TriggerSpec, call: Call, delivery: string, now: number): Happened | string {
  const name = delivery === '' ? createHash('sha256').update(call.body).digest('hex') : delivery
  if (spec.on !== 'merge') return { cause: name, what: `call ${name} of its address` }
  const event = [call.headers['x-github-event'], call.headers['x-gitlab-event']].find((one) => typeof one === 'string')
  if (event !== 'push' && event !== 'Push Hook')
    return `it tells of ${event ?? 'nothing that has a name'}, and not of a push`
  const body = ifJson(call.body.toString('utf8')) as Push | null | undefined
  const { ref, after } = body ?? {}
  if (typeof ref !== 'string' || typeof after !== 'string' || !/^[0-9a-f]{40,64}$/.test(after))
    return 'its body is not that of a push: ref and after are missing'
  if (ref !== `refs/heads/${spec.branch}`) return `it is of ${ref}, and not of branch ${spec.branch}`
  if (/^0+$/.test(after)) return `branch ${spec.branch} was deleted`
  if (isOld(body, now)) return `it tells of a push that is more than ${PUSH_MS / DAY_MS} days old`
  return { cause: `commit ${after}`, what: `commit ${after.slice(0, 12)} came to branch ${spec.branch}` }
}

function isOld(push: Push | null | undefined, now: number): boolean {
  const pushed = push?.repository?.pushed_at
  return typeof pushed === 'number' && now - pushed * 1000 > PUSH_MS
}

async function keepCall(
  { deps }: Context,
  trigger: TriggerRow,
  { delivery, happened }: { readonly delivery: string; readonly happened: Happened | string },
): Promise<Answer> {
  const { db, clock, ids } = deps
  const now = clock()
  const answer = await db.tx(async (t): Promise<Answer> => {
    const added = typeof happened === 'string' ? 0 : await keepEvents(t, trigger, [happened], { ids, now })
    const told: Answer =
      typeof happened === 'string'
        ? { outcome: 'ignored', reason: happened }
        : added === 0
          ? { outcome: 'repeated', reason: 'it has come before' }
          : { outcome: 'accepted', reason: '' }
    await keepDelivery(t, trigger, { id: ids('delivery'), delivery, now, ...told })
    return told
  })
  faultPoint('pipelines.trigger_called')
  return answer
}

async function keepRefusal({ deps }: Context, trigger: TriggerRow, delivery: string, reason: string): Promise<void> {
  const { db, clock, ids } = deps
  const now = clock()
  const key = boundTo(trigger)
  if (now - (refusedAt.get(key) ?? 0) < REFUSAL_MS) return
  refusedAt.set(key, now)
  await db.tx((t) => keepDelivery(t, trigger, { id: ids('delivery'), delivery, now, outcome: 'refused', reason }))
}

async function keepDelivery(
  t: Tx,
  { project, name }: Named,
  one: Answer & { readonly id: string; readonly delivery: string; readonly now: number },
): Promise<void> {
  await t.run(
    `INSERT INTO pipeline_trigger_deliveries (id, project, name, delivery, outcome, reason, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [one.id, project, name, one.delivery, one.outcome, one.reason, one.now],
  )
  const [like, kept] =
    one.outcome === 'refused' ? ["outcome = 'refused'", KEPT_REFUSALS] : ["outcome <> 'refused'", KEPT_CALLS]
  await t.run(
    `DELETE FROM pipeline_trigger_deliveries WHERE project = ? AND name = ? AND ${like} AND id NOT IN (
       SELECT id FROM pipeline_trigger_deliveries WHERE project = ? AND name = ? AND ${like}
       ORDER BY created_at DESC, id DESC LIMIT ?)`,
    [project, name, project, name, kept],
  )
}
