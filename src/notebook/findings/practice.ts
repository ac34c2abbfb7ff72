/** What a person should look at and the package leaves as it is: leakage (D11), unsafe files (D13), the environment (D15). */
import { refusal } from '../read/refusal.ts'
import type { Call } from '../facts/facts.ts'
import { report, type Program } from '../rewrite/program.ts'

const LEARNS = /\.(?:fit|fit_transform|fit_resample)$/
const PREPARES =
  /scaler|encod|imput|pca|select|vectori[sz]|tfidf|transform|normali[sz]|binari[sz]|smote|sampler|oversampl|prep/i
const SPLITS = /(?:^|\.)(?:train_test_split|split)$/
const UNSAFE = /^(?:pickle|joblib|dill|cloudpickle|torch)\.(?:dump|save|load)$|^(?:np|numpy)\.load$|^(?:dump|load)$/
const GPU = /(?:\.cuda|^torch\.cuda\.\w+|^cupy\.|^cudf\.|^cuml\.)/

/** Reports what is unsafe or doubtful. Throws for code that asks a person. */
export function reportPractice(program: Program, python: string): void {
  reportLeakage(program)
  for (const { cell, statement } of program.placed)
    for (const call of statement.calls) {
      refuseQuestions(cell, call)
      if (UNSAFE.test(call.text) && !call.text.startsWith('np.load'))
        report(program, {
          code: 'D13',
          cell,
          line: call.line,
          found: `${call.text} writes or reads a file that runs code when it is loaded`,
          action: 'the model of the package is saved as an MLflow model; Slipway scans it and holds its trust level',
        })
      if (GPU.test(call.text) || call.arguments.some(({ text }) => /^'cuda(?::\d)?'$/.test(text)))
        report(program, {
          code: 'D15',
          cell,
          line: call.line,
          found: `${call.text} asks for a GPU`,
          action: 'train it where one is',
        })
    }
  const wanted = program.research.python
  if (wanted !== '' && minor(wanted) !== minor(python))
    report(program, {
      code: 'D15',
      cell: null,
      found: `the notebook was last run by Python ${wanted}, and the environment has ${python}`,
      action: `the package requires Python ${minor(python)}, in which it was proved`,
    })
}

function minor(version: string): string {
  return version.split('.').slice(0, 2).join('.')
}

/** What stops for a person who answers, or who looks. */
const QUESTIONS = /^(?:input|getpass\.getpass|getpass)$/
const STOPS =
  /^(?:breakpoint|(?:i?pdb\.)?set_trace|(?:i?pdb)\.(?:Pdb\(\)\.set_trace|post_mortem|pm|run|runcall)|(?:IPython\.)?embed|code\.interact)$/

function refuseQuestions(cell: number, { text, line }: Call): void {
  const [asks, stops] = [QUESTIONS.test(text), STOPS.test(text)]
  if (!asks && !stops) return
  const remedy = asks ? 'write the answer as a value of its own: it becomes a setting' : 'take it out of the code'
  throw refusal([{ code: 'input', cell, line, message: `${text}() waits for a person`, remedy }])
}

interface Step {
  readonly cell: number
  readonly call: Call
}

function reportLeakage(program: Program): void {
  const steps = program.placed.flatMap(({ cell, statement }) => statement.calls.map((call): Step => ({ cell, call })))
  const split = steps.findIndex(({ call }) => SPLITS.test(call.text))
  for (const [at, step] of steps.entries()) {
    if (!LEARNS.test(step.call.text)) continue
    reportTarget(program, step)
    if (at < split && PREPARES.test(step.call.text))
      leak(program, step, `${step.call.text} learns from all rows before they are split (cell ${steps[split]?.cell})`)
    if (step.call.arguments.some(({ text }) => /test/i.test(text) && /^\w+$/.test(text)))
      leak(program, step, `${step.call.text} learns from ${step.call.arguments.map(({ text }) => text).join(', ')}`)
  }
}

/** The target among the columns that are learnt from. */
function reportTarget(program: Program, step: Step): void {
  const [rows, target] = step.call.arguments
  const table = /^(\w+)\[['"]/.exec(target?.text ?? '')?.[1]
  if (table !== undefined && rows?.text === table)
    leak(program, step, `the target is a column of ${table}, from which the model learns`)
}

function leak(program: Program, { cell, call }: Step, found: string): void {
  report(program, {
    code: 'D11',
    cell,
    line: call.line,
    found,
    action:
      'the measured quality may be too good: learn from training rows only. It is not touched, for the figures would change',
  })
}
