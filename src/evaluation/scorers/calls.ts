/** MLflow's calls about scorers. */
import { done } from '../../mlflow/fields.ts'
import { double, int, list, missingValue, need, text } from '../../mlflow/input.ts'
import { requireExperiment } from '../../tracking/experiments/experiments.ts'
import type { Tracking } from '../../tracking/context/context.ts'
import { callsOf } from '../../mlflow/rpc.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { invalid } from '../../mlflow/wire.ts'
import { samplingOf, setSampling } from './sampling.ts'
import { deleteScorer, getScorer, listScorers, registerScorer, scorerVersions } from './scorers.ts'

const { read, write } = callsOf('runs', '3.0')

const experiment = () => need(text({ number: true }))

export function scorerCalls(room: Tracking): Rpc[] {
  return [...writes(room), ...reads(room), ...sampling(room)]
}

function writes(room: Tracking): Rpc[] {
  return [
    write.post('scorers/register', 'Keep the next version of a scorer', {
      limit: 4 * 1024 * 1024,
      fields: { experiment_id: experiment(), name: need(text()), serialized_scorer: need(text()) },
      handle: async (given, who) => {
        const made = await registerScorer(room, who, given)
        return {
          version: made.scorer_version,
          scorer_id: made.scorer_id,
          experiment_id: String(made.experiment_id),
          name: made.scorer_name,
          serialized_scorer: made.serialized_scorer,
          creation_time: made.creation_time,
        }
      },
    }),
    write.delete('scorers/delete', 'Delete a version of a scorer, or all of it', {
      fields: { experiment_id: experiment(), name: need(text()), version: int() },
      handle: (given, who) => done(deleteScorer(room, who, given)),
    }),
  ]
}

function reads(room: Tracking): Rpc[] {
  return [
    read.get('scorers/list', 'The newest version of each scorer', {
      fields: { experiment_id: text({ number: true }), experiment_ids: list(need(text({ number: true }))) },
      handle: async (given, who) => {
        const { experiment_id, experiment_ids } = given
        if (experiment_id && experiment_ids.length > 0) {
          throw invalid("Cannot specify both 'experiment_id' and 'experiment_ids'.")
        }
        if (experiment_id) await requireExperiment(room.db, who, experiment_id)
        const named = experiment_id ? [experiment_id] : experiment_ids
        const scorers = await listScorers(room, who, named.length === 0 ? undefined : named)
        return scorers.length === 0 ? {} : { scorers }
      },
    }),
    read.get('scorers/versions', 'Every version of a scorer', {
      fields: { experiment_id: experiment(), name: need(text()) },
      handle: async (given, who) => ({ scorers: await scorerVersions(room, who, given.experiment_id, given.name) }),
    }),
    read.get('scorers/get', 'A version of a scorer, the newest where none is named', {
      fields: { experiment_id: experiment(), name: need(text()), version: int() },
      handle: async (given, who) => ({ scorer: await getScorer(room, who, given) }),
    }),
  ]
}

function sampling(room: Tracking): Rpc[] {
  return [
    write.put(
      'scorers/online-config',
      'Say which share of the traces a scorer is to judge; Slipway keeps it and runs no scorer',
      {
        fields: { experiment_id: experiment(), name: need(text()), sample_rate: need(double()), filter_string: text() },
        handle: async (given, who) => ({ config: await setSampling(room, who, given) }),
      },
    ),
    read.get('scorers/online-configs', 'Which share of the traces scorers are to judge', {
      fields: { scorer_ids: list(need(text())) },
      handle: async (given, who) => {
        if (given.scorer_ids.length === 0) throw invalid(missingValue('scorer_ids'))
        return { configs: await samplingOf(room, who, given.scorer_ids) }
      },
    }),
  ]
}
