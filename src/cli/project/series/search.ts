/** `slipway search`: starts a search over the params of a pipeline and follows it; lists, shows, stops and resumes studies. */
import type { Client } from '../../../client/client.ts'
import { METHODS, studiesApi } from '../../../contract/pipelines/studies.ts'
import type { Reply } from '../../../contract/route.ts'
import { text, UsageError } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import type { Output } from '../../invocation/output.ts'
import { connect } from '../../invocation/server.ts'
import { submitProject } from '../files.ts'
import { refuseForks } from '../../invocation/place.ts'
import { actOn, following, numberOf, stuck, untilEnded } from './follow.ts'

type Study = Reply<typeof studiesApi.getStudy>
type Trial = Study['trials'][number]

/** Trials that `show` prints. */
const SHOWN = 20

const WORDS = { noun: 'study', command: 'search', end: 'stop' } as const
const ACTS = { list, show, stop, resume } as const

/** 0 where the study finished, or was stopped by this command; 1 where it failed. */
export function run(invocation: Invocation): Promise<number> {
  return actOn(invocation, WORDS, ACTS, start)
}

async function start(invocation: Invocation, folder: string): Promise<number> {
  await refuseForks('searches nothing')
  const { out } = invocation
  const body = {
    ...(invocation.flags['method'] !== undefined && { method: methodOf(invocation) }),
    ...whole(invocation, 'trials', 'trials'),
    ...whole(invocation, 'at-once', 'at_once'),
    ...whole(invocation, 'seed', 'seed'),
  }
  const { client } = await connect(invocation)
  out.progress('uploading the project')
  const version = await submitProject(client, folder, text(invocation, 'file'))
  for (const warning of version.warnings) out.line(`note: ${warning}`)
  const study = await client.call(studiesApi.createStudy, { body: { pipeline_version: version.id, ...body } })
  out.line(`Study ${study.id} of ${study.project}: ${client.url}/studies/${study.id}`)
  return follow(client, study.id, out)
}

function methodOf(invocation: Invocation): (typeof METHODS)[number] {
  const given = text(invocation, 'method')
  const found = METHODS.find((method) => method === given)
  if (found === undefined) throw new UsageError(`--method is "${given ?? ''}"; expected one of ${METHODS.join(', ')}`)
  return found
}

function whole(invocation: Invocation, flag: string, field: string): Readonly<Record<string, number>> {
  return numberOf(invocation, { flag, field, form: /^(\d{1,10})$/, expected: 'a whole number' })
}

/** Tells each trial once it has ended. */
async function follow(client: Client, id: string, out: Output): Promise<number> {
  return following(WORDS, id, out, async () => {
    const study = await watch(client, id, out)
    out.data(study)
    conclude(study, out)
    return study.state === 'failed' ? 1 : 0
  })
}

function watch(client: Client, id: string, out: Output): Promise<Study> {
  const told = new Set<number>()
  return untilEnded(
    () => client.call(studiesApi.getStudy, { params: { id } }),
    (study) => {
      for (const trial of study.trials.filter(({ number, finished_at }) => finished_at !== null && !told.has(number))) {
        told.add(trial.number)
        out.line(lineOf(trial))
      }
      if (study.finished_at === null) out.progress(progressOf(study))
    },
  )
}

function lineOf({ number, state, value, params, message }: Trial): string {
  const said = value === null ? '' : ` ${value}`
  return `trial ${number} ${state}${said}: ${paramsOf(params)}${message === '' ? '' : `: ${message}`}`
}

function paramsOf(params: Trial['params']): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}

function progressOf({ state, trouble, trials, plan, counts, best }: Study): string {
  if (trouble !== null) return stuck(trouble)
  if (state === 'evaluating') return 'the winner is evaluated once more'
  const ended = trials.length - counts.running - counts.waiting
  return `${ended} of ${plan.trials} trials${best === null ? '' : `, best ${best.value ?? ''} by trial ${best.number}`}`
}

function conclude(study: Study, out: Output): void {
  const { best, importance, chance, winner } = study
  out.line(`Study ${study.id} ${study.state}${study.reason === '' ? '' : `: ${study.reason}`}`)
  if (study.trouble !== null) out.line(stuck(study.trouble))
  const { succeeded, pruned, failed, cancelled } = study.counts
  out.line(`${succeeded} succeeded, ${pruned} pruned, ${failed} failed, ${cancelled} cancelled`)
  if (best !== null)
    out.line(`Best: ${best.value ?? ''} by trial ${best.number} (${best.run ?? ''}): ${paramsOf(best.params)}`)
  if (importance !== null)
    out.line(
      `What matters: ${importance.map(({ param, share }) => `${param} ${(100 * share).toFixed(0)} %`).join(', ')}`,
    )
  if (chance !== null) out.line(`Chosen of many: ${chance.detail}.`)
  if (winner !== null) {
    const where = winner.on_holdout ? 'On the hold-out' : 'Once more'
    out.line(`${where}: ${winner.value ?? 'no value'} (run ${winner.run}, ${winner.state})`)
    if (winner.verdict !== null) out.line(winner.verdict)
  }
}

async function list(client: Client, { out }: Invocation): Promise<number> {
  const { items } = await client.call(studiesApi.listStudies, { query: {} })
  out.data(items)
  if (items.length === 0) out.line('there are no studies; slipway search FOLDER starts one')
  else
    out.table(
      ['study', 'project', 'state', 'trials', 'best', 'started'],
      items.map(({ id, project, state, counts, plan, best, created_at }) => [
        id,
        project,
        state,
        `${counts.succeeded + counts.pruned + counts.failed + counts.cancelled}/${plan.trials}`,
        best === null ? '' : String(best.value),
        created_at,
      ]),
    )
  return 0
}

async function show(client: Client, { out }: Invocation, id: string): Promise<number> {
  const study = await client.call(studiesApi.getStudy, { params: { id } })
  out.data(study)
  const sign = study.plan.direction === 'maximize' ? -1 : 1
  const worth = ({ value }: Trial): number => (value === null ? Infinity : sign * value)
  const sorted = study.trials.toSorted((a, b) => worth(a) - worth(b) || a.number - b.number)
  out.table(
    ['trial', 'state', study.plan.objective.metric, 'params', 'run'],
    sorted
      .slice(0, SHOWN)
      .map((trial) => [
        String(trial.number),
        trial.state,
        String(trial.value ?? ''),
        paramsOf(trial.params),
        trial.run ?? '',
      ]),
  )
  if (sorted.length > SHOWN) out.line(`and ${sorted.length - SHOWN} more`)
  conclude(study, out)
  return 0
}

async function stop(client: Client, { out }: Invocation, id: string): Promise<number> {
  await client.call(studiesApi.stopStudy, { params: { id } })
  const study = await watch(client, id, { ...out, line: () => undefined })
  out.data(study)
  out.line(`Study ${id} ${study.state}: ${study.reason}`)
  return 0
}

async function resume(client: Client, invocation: Invocation, id: string): Promise<number> {
  await client.call(studiesApi.resumeStudy, { params: { id }, body: whole(invocation, 'trials', 'trials') })
  return follow(client, id, invocation.out)
}
