/** What is looked for in the text files of a model: code, and words that make a loader run or fetch code. */
import type { Sink } from './findings.ts'
import { foreignLine } from './installs.ts'
import { saidByKeras } from './keras.ts'
import { CALLED, elsewhere, saidByConfig, saidByEnvironment, saidByModel, type Said } from './yaml-rules.ts'

interface Rule {
  /** Of the file's name. */
  readonly name: RegExp
  readonly pattern: RegExp
  readonly what: (match: RegExpExecArray) => string
  readonly reason: string
}

const RULES: readonly Rule[] = [
  {
    name: /\.py$/,
    pattern: /\S/,
    what: () => 'Python source',
    reason: 'it may run when the model is loaded',
  },
  {
    name: /\.ya?ml$|MLmodel$/,
    // a tag may also be given in full, with its letters as %41, or by a handle that a directive makes
    pattern: /!!?python\/[\w/:.]+|!<?[^\s>]*(?:python\/|%[0-9a-f]{2})[^\s>]*|^%TAG\b.*/im,
    what: (match) => match[0],
    reason: 'a careless YAML reader makes Python objects of it',
  },
  {
    name: /\.json$/,
    pattern: /"class_name"\s*:\s*"(Lambda|__lambda__|TorchModuleWrapper)"/,
    what: (match) => (match[1] === 'Lambda' ? 'a Lambda layer' : (match[1] ?? '')),
    reason: 'Keras runs the Python code in it',
  },
  {
    name: /\.json$/,
    pattern: /\\u00(?:4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])/i,
    what: (match) => `a letter written as ${match[0]}`,
    reason: 'no writer of JSON does so, but to hide a name',
  },
  {
    name: /\.json$/i,
    // as `saidByConfig`; an escape of a letter is told by the rule before
    pattern: /"(_target_|class_path)"\s*:\s*"([^"\s]*\.[^"\s]*)"/,
    what: (match) => `${match[1]}: ${match[2]?.slice(0, 100)}`,
    reason: CALLED,
  },
  {
    name: /config\.json$/,
    pattern: /"auto_map"\s*:/,
    what: () => 'auto_map',
    reason: 'it names code that is fetched and run when the model is loaded',
  },
]

/** Files that are read as what they are, by name. */
const READERS: readonly (readonly [RegExp, (text: string) => readonly Said[]])[] = [
  [/MLmodel$/, saidByModel],
  [/(?:conda|python_env)\.ya?ml$/, saidByEnvironment],
  [/\.ya?ml$/i, saidByConfig],
  [/(?:requirements|constraints)\.txt$/, saidByRequirements],
  [/\.json$/i, saidByKeras],
]

function saidByRequirements(text: string): readonly Said[] {
  const line = foreignLine(text)
  return line === undefined ? [] : [elsewhere(line)]
}

/** Text beyond this many characters is not searched. */
const SEARCHED = 8 * 1024 * 1024

/** Applies the rules that the file's name calls for. */
export function scanText(file: string, text: string, findings: Sink): void {
  const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('!')) + 1)
  for (const rule of RULES) {
    if (!rule.name.test(name)) continue
    const match = rule.pattern.exec(text.slice(0, SEARCHED))
    if (match === null) continue
    const offset = Buffer.byteLength(text.slice(0, match.index))
    findings.add({ level: 'suspicious', file, offset, what: rule.what(match), reason: rule.reason })
  }
  for (const [named, said] of READERS) {
    if (!named.test(name)) continue
    for (const one of said(text)) findings.add({ level: 'suspicious', file, offset: 0, ...one })
  }
}
