/** Whether what a model answers live can be judged by the metrics that it was accepted by, in words where it cannot. */
import type { Version } from '../../contract/registry.ts'

/** Metrics that need a probability or a score of the positive class. */
const OF_SCORES = /auc|log_loss|brier|average_precision|calibration|ece$/
/** Metrics of numbers that are predicted. */
const OF_NUMBERS = /^(.*_)?(rmse|mse|mae|mape|r2|r2_score|mean_(squared|absolute)_error|root_mean_squared_error)$/
/** Types and element types of answers that name a class and give no probability. */
const CLASSES = /^(boolean|bool|string|str|object|integer|long|u?int\d+)$/

type Facts = Pick<Version, 'signature' | 'metrics'> & {
  readonly verdict: { readonly gates: readonly { readonly gate: Readonly<Record<string, unknown>> }[] } | null
}

/** One sentence a doubt, with the remedy; empty where live answers can be judged or nothing is known of them. */
export function doubtsOf(version: Facts): string[] {
  const gated = (version.verdict?.gates ?? []).flatMap(({ gate }) =>
    typeof gate['metric'] === 'string' ? [gate['metric']] : [],
  )
  const names = [...new Set([...gated, ...Object.keys(version.metrics)])]
  const answers = answersIn(version.signature)
  const ofScores = names.filter((name) => OF_SCORES.test(name))
  if (answers === 'classes' && ofScores.length > 0)
    return [
      `it answers classes, and ${listed(ofScores)} need probabilities: log the model with pyfunc_predict_fn="predict_proba"`,
    ]
  if (answers === 'classes')
    return [
      'it answers classes only, so the area under the curve of its live answers cannot be watched: log the model with pyfunc_predict_fn="predict_proba", and roc_auc of the hold-out',
    ]
  const ofNumbers = names.filter((name) => OF_NUMBERS.test(name))
  if (ofNumbers.length > 0 && ofScores.length === 0)
    return [
      `${listed(ofNumbers)} of live answers are not computed: labels judge answers to 0 or 1 only. Its inputs are watched; compare its answers with what came true yourself`,
    ]
  if (ofScores.includes('roc_auc')) return []
  return [
    'no step logged roc_auc of the hold-out, so the quality of its live answers has nothing to be compared with: return it from a step, for labels of 0 and 1',
  ]
}

/** What the signature says of the answers. */
function answersIn(signature: Version['signature']): 'classes' | 'numbers' | 'unknown' {
  const outputs = signature?.['outputs']
  if (!Array.isArray(outputs) || outputs.length === 0) return 'unknown'
  const types = (outputs as { readonly type?: unknown; readonly dtype?: unknown }[]).map(({ type, dtype }) =>
    String(type === 'tensor' ? (dtype ?? 'unknown') : type),
  )
  if (types.every((type) => CLASSES.test(type))) return 'classes'
  return types.some((type) => type === 'unknown') ? 'unknown' : 'numbers'
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
