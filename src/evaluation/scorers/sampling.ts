/** Which share of an experiment's traces a scorer is to judge: kept for MLflow's clients, acted upon by none of the server's parts. */
import type { Principal } from '../../contract/access.ts'
import { requireActiveExperiment } from '../../tracking/experiments/experiments.ts'
import { checkLength } from '../../mlflow/limits.ts'
import { EXPERIMENT_ORDER, joinExperiment, seesExperiment } from '../../tracking/experiments/join.ts'
import { hexId } from '../../tracking/context/ids.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { insertion } from '../../store/sql/rows.ts'
import { fetchAll, inList, sql } from '../../store/sql/sql.ts'
import { parseTraceFilter } from '../../traces/search/filter.ts'
import { invalid } from '../../mlflow/wire.ts'
import { getScorer } from './scorers.ts'

/** In MLflow's shape. */
export interface WireSampling {
  readonly online_scoring_config_id: string
  readonly scorer_id: string
  /** 0 to 1. */
  readonly sample_rate: number
  readonly experiment_id: string
  readonly filter_string?: string
}

interface SamplingRow {
  readonly config_id: string
  readonly scorer_id: string
  readonly sample_rate: number
  readonly experiment_id: string
  readonly filter: string | null
}

export interface Sampling {
  readonly experiment_id: string
  readonly name: string
  readonly sample_rate: number
  readonly filter_string: string | undefined
}

const LONGEST_FILTER = 10_000

/** Scorers asked about in one call at most. */
const MOST_IDS = 1000

/**
 * Sets how a scorer samples; a rate of 0 stops it. RESOURCE_DOES_NOT_EXIST without that scorer; INVALID_PARAMETER_VALUE for a
 * filter that is none, and for a scorer that judges by no endpoint of the gateway, which MLflow runs only by hand.
 */
export async function setSampling(room: Tracking, who: Principal, given: Sampling): Promise<WireSampling> {
  if (!(given.sample_rate >= 0 && given.sample_rate <= 1)) {
    throw invalid(`sample_rate must be between 0.0 and 1.0, got ${given.sample_rate}`)
  }
  checkLength(given.filter_string, 'filter_string', LONGEST_FILTER)
  parseTraceFilter(given.filter_string)
  const scorer = await getScorer(room, who, { ...given, version: undefined })
  if (given.sample_rate > 0 && !usesGateway(scorer.serialized_scorer)) {
    throw invalid(
      `Scorer '${given.name}' does not use a gateway model. Automatic evaluation is only supported for scorers that use gateway models.`,
    )
  }
  return room.db.tx(async (t) => {
    const { experiment_id } = await requireActiveExperiment(t, room, who, given.experiment_id)
    const { sample_rate } = given
    const filter = given.filter_string ?? null
    const kept = insertion(
      'scorer_sampling',
      { experiment_id, name: given.name, config_id: hexId(room), sample_rate, filter },
      `ON CONFLICT (experiment_id, name) DO UPDATE SET sample_rate = excluded.sample_rate, filter = excluded.filter
        RETURNING config_id`,
    )
    const row = await t.get<{ config_id: string }>(kept.text, kept.params)
    const detail = { sampling: 'scorer', name: given.name, rate: sample_rate }
    await room.record(t, who, { verb: 'write', resource: 'runs', id: experiment_id, detail })
    const { scorer_id } = scorer
    return wire({
      config_id: row?.config_id ?? '',
      scorer_id,
      sample_rate,
      experiment_id,
      filter,
    })
  })
}

/** How those of the scorers sample that the caller sees and that were ever told to. */
export async function samplingOf(
  room: Tracking,
  who: Principal,
  scorerIds: readonly string[],
): Promise<WireSampling[]> {
  if (scorerIds.length > MOST_IDS)
    throw invalid(`At most ${MOST_IDS} scorer_ids may be given, got ${scorerIds.length}.`)
  const rows = await fetchAll<SamplingRow>(
    room.db,
    sql`SELECT c.*, s.scorer_id FROM scorer_sampling c
      JOIN scorers s ON s.experiment_id = c.experiment_id AND s.name = c.name
      ${joinExperiment('c.experiment_id')}
      WHERE s.scorer_id IN ${inList(scorerIds)} AND ${seesExperiment(who)} ORDER BY ${EXPERIMENT_ORDER}, c.name`,
  )
  return rows.map(wire)
}

/** Fields of a serialised scorer in which MLflow names the model that judges. */
const JUDGES = ['instructions_judge_pydantic_data', 'builtin_scorer_pydantic_data', 'third_party_scorer_data'] as const

function usesGateway(serialized: string): boolean {
  const whole = JSON.parse(serialized) as Record<string, Record<string, unknown> | undefined>
  const inner = whole['memory_augmented_judge_data']?.['base_judge']
  const scorer = typeof inner === 'object' && inner !== null ? (inner as typeof whole) : whole
  const models = JUDGES.map((key) => scorer[key]?.['model'])
  return models.some((model) => typeof model === 'string' && model.startsWith('gateway:/'))
}

function wire(row: SamplingRow): WireSampling {
  const { config_id, scorer_id, sample_rate, experiment_id, filter } = row
  return {
    online_scoring_config_id: config_id,
    scorer_id,
    sample_rate,
    experiment_id,
    ...(filter !== null && { filter_string: filter }),
  }
}
