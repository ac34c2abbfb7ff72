/** The way in which clients before MLflow 3 noted a model: a JSON list in a tag of the run. */
import type { Principal } from '../../contract/access.ts'
import { requireActiveRun, writeTags } from '../runs/runs.ts'
import type { Tracking } from '../context/context.ts'
import { invalid } from '../../mlflow/wire.ts'

const HISTORY_TAG = 'mlflow.log-model.history'

/** What such a description must hold. */
const NEEDED = ['artifact_path', 'flavors', 'run_id', 'utc_time_created'] as const

/** Appends a description to the run's history of models. The text must be a JSON object with the needed keys. */
export async function recordModel(room: Tracking, who: Principal, runId: string, json: string): Promise<void> {
  const model = parsed(json)
  const absent = NEEDED.filter((key) => !Object.hasOwn(model, key))
  if (absent.length > 0) throw invalid(`Model json is missing mandatory fields: ${absent.join(', ')}`)
  await room.db.tx(async (t) => {
    await requireActiveRun(t, room, who, runId)
    const tag = await t.get<{ value: string }>('SELECT value FROM run_tags WHERE run_id = ? AND key = ?', [
      runId,
      HISTORY_TAG,
    ])
    const history = tag === undefined ? [] : (JSON.parse(tag.value) as unknown[])
    await writeTags(t, runId, [{ key: HISTORY_TAG, value: JSON.stringify([...history, model]) }], Infinity)
  })
}

function parsed(json: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw invalid(`Malformed model info. \n ${json} \n is not valid JSON.`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('Malformed model info: expected a JSON object.')
  }
  return value as Record<string, unknown>
}
