/** The model that `main` of a package saved: its answers, and what it answers by, beside what the notebook's own model is. */
import { compareCell, comparePredictions, type Saved } from './compare.ts'
import { comparePieces } from './pieces.ts'
import type { Run } from './record.ts'

export interface SavedModel {
  readonly original: Run
  readonly made: Run
  /** The process that loaded it; undefined where none was started. */
  readonly saved: Run | undefined
  /** Fields of the predictor by which the model answers, and the variables of the notebook that they are. */
  readonly fields: ReadonlyMap<string, string>
}

/** The verdict on the saved model: loaded by a process that does not have the package, it is the model of the original, and answers as it. */
export function compareSaved(given: SavedModel): Saved {
  const { original, made, saved } = given
  if (made.failed !== null) return { verdict: 'not compared', why: 'the package does not run' }
  const { state = 'failed', why = 'the package says nothing of what it saved' } = made.saved ?? {}
  if (state !== 'saved') return { verdict: state === 'failed' ? 'not verified' : 'not compared', why }
  if (saved === undefined) return { verdict: 'not compared', why: 'it was saved, and not asked' }
  const answers = compareAnswers(original, saved)
  if (answers.verdict === 'not verified') return answers
  const held = compareLoaded({ ...given, saved })
  if (held.verdict === 'not verified') return held
  if (answers.verdict === 'not compared') return answers
  const rounded = [answers, held].some(({ verdict }) => verdict === 'within tolerance')
  return {
    verdict: rounded ? 'within tolerance' : 'verified',
    why: [answers.why, held.why].filter((one) => one !== '').join('; '),
  }
}

function compareAnswers(original: Run, saved: Run): Saved {
  const failed = saved.failed?.why ?? (saved.probe?.k === 'fault' ? saved.probe.why : undefined)
  if (failed !== undefined) return { verdict: 'not verified', why: `the saved model does not answer: ${failed}` }
  const found = saved.probe === null ? undefined : comparePredictions(original, saved)
  if (found === undefined)
    return {
      verdict: 'not compared',
      why: 'it was saved and loaded; nobody knows with which rows the notebook asks it',
    }
  const pieces = comparePieces(original, saved, 'the saved model')
  if (found.verdict !== 'not verified' && pieces?.verdict === 'not verified')
    return { verdict: pieces.verdict, why: pieces.why }
  const [what = ''] = found.differences
  return { verdict: found.verdict, why: what === '' ? '' : `the saved model: ${what}` }
}

const NOTHING = { id: 0, printed: '', figures: [] }
const PLAIN = { shows: false, steps: false, names: [], inputs: new Set<string>() }

/**
 * What was saved, part by part, beside what `save` was given, which is compared with the notebook's own variables by `compareHeld`: another
 * model may answer the rows of the notebook alike. What cannot be looked at so is known by its answers alone, and that is told.
 */
function compareLoaded({ original, made, saved, fields }: SavedModel & { readonly saved: Run }): Saved {
  const [fault] = saved.faults ?? []
  if (fault !== undefined) return { verdict: 'not verified', why: `the saved model: ${fault}` }
  const { given } = made
  const { loaded } = saved
  if (given === undefined) return byAnswers(made.ungiven ?? 'nobody has looked at what save of predict.py gets')
  if (loaded === undefined) return byAnswers(saved.unlike ?? 'nobody has looked at it')
  const other = [...fields.keys()].find((name) => !(name in loaded && name in given && name in (made.held ?? {})))
  if (other !== undefined) return byAnswers(`the predictor of predict.py has no ${other}`)
  // a generator in the model is wherever the last answer has left it
  if (original.unasked !== undefined) return byAnswers(original.unasked)
  const sides = { a: made.numbers, b: saved.numbers }
  const found = compareCell({ ...NOTHING, values: given }, { ...NOTHING, values: loaded }, sides, PLAIN)
  const [what] = found.differences
  if (what !== undefined)
    return {
      verdict: 'not verified',
      why: `the saved model is not the one that was trained: ${what.replace(/in the package$/, 'in what was saved')}`,
    }
  const [unseen] = found.skipped
  const verdict = found.verdict === 'within tolerance' ? found.verdict : 'verified'
  return unseen === undefined ? { verdict, why: '' } : { ...byAnswers(`not compared: ${unseen}`), verdict }
}

function byAnswers(why: string): Saved {
  return { verdict: 'verified', why: `by its answers alone, for ${why}` }
}
