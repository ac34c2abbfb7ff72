/** What the YAML files of a model say to their readers, however it is spelled: loaders, files outside of it, packages from elsewhere. */
import { isAlias, isPair, isScalar, parseAllDocuments, visit, type Alias, type Document } from 'yaml'
import { foreignEntry, isChannel } from './installs.ts'

/** Something that a YAML file of a model says, and why it is told. */
export interface Said {
  readonly what: string
  readonly reason: string
}

interface Value {
  /** The keys that lead to it, the outermost first. */
  readonly keys: readonly string[]
  readonly text: string
}

const LOADER =
  /^mlflow\.(?:sklearn|xgboost|lightgbm|catboost|pytorch|onnx|statsmodels|tensorflow|spark|prophet|pyfunc\.model)$/
const OUTSIDE = /^(?:[/\\~]|[A-Za-z]:[/\\])|(?:^|[/\\])\.\.(?:[/\\]|$)/
/** No writer of these files comes near it. */
const LARGEST = 1024 * 1024
const MOST_ALIASES = 100
const UNREADABLE: Said = { what: 'unreadable YAML', reason: 'what a reader makes of it is not known' }

/** That a line brings a package from elsewhere: its option, or the line. */
export function elsewhere(line: string): Said {
  const trimmed = line.trim()
  const what = trimmed.startsWith('-') ? (trimmed.split(/[\s=]/, 1)[0] ?? '') : trimmed
  const reason = 'a package comes from another place than the index that the server is set to'
  return { what: what.slice(0, 100), reason }
}

/** What an environment file (conda.yaml, python_env.yaml) would have installed from elsewhere. */
export function saidByEnvironment(text: string): readonly Said[] {
  return judged(text, ({ keys, text: entry }) => {
    if (['name', 'prefix'].includes(keys.at(-1) ?? '')) return undefined
    if (keys.at(-1) === 'channels') return isChannel(entry) ? undefined : elsewhere(entry)
    const line = foreignEntry(entry)
    return line === undefined ? undefined : elsewhere(line)
  })
}

/** What an MLmodel file has loaded that is no file of the model, or by no loader of MLflow's. */
export function saidByModel(text: string): readonly Said[] {
  return judged(text, ({ keys, text: value }) => {
    const key = keys.at(-1)
    if (key === 'loader_module' && !LOADER.test(value))
      return { what: `loader ${value}`, reason: 'a module of its own loads the model' }
    if (!keys.includes('flavors') || key === 'uri') return undefined
    if (OUTSIDE.test(value)) return { what: `a path to ${value}`, reason: 'it reads a file outside of the model' }
    const environment =
      (key === 'conda' && !/^conda\.ya?ml$/.test(value)) || (key === 'virtualenv' && !/^python_env\.ya?ml$/.test(value))
    return environment ? { what: `environment in ${value}`, reason: 'its packages are not looked into' } : undefined
  })
}

/** What a YAML file of any name has called by those who make objects of it: Hydra (`_target_`) and Lightning (`class_path`). */
export function saidByConfig(text: string): readonly Said[] {
  const values = text.length > LARGEST ? undefined : valuesOf(text)
  // a file of any name may be large or no YAML at all; it is told where it could have something called
  if (values === undefined) return /_target_|class_path/.test(text) ? [UNREADABLE] : []
  const said = values.find(({ keys, text: value }) => CALLS.has(keys.at(-1) ?? '') && value.includes('.'))
  if (said === undefined) return []
  return [{ what: `${said.keys.at(-1)}: ${said.text.slice(0, 100)}`, reason: CALLED }]
}

const CALLS: ReadonlySet<string> = new Set(['_target_', 'class_path'])
export const CALLED = 'whoever makes objects of the file calls what it names'

function judged(text: string, judge: (value: Value) => Said | undefined): readonly Said[] {
  const values = text.length > LARGEST ? undefined : valuesOf(text)
  if (values === undefined) return [UNREADABLE]
  return values.flatMap((value) => judge(value) ?? [])
}

/** Every text of every document with its keys; undefined where a document is not sound. */
function valuesOf(text: string): Value[] | undefined {
  try {
    const documents = [...parseAllDocuments(text, { uniqueKeys: false, logLevel: 'silent' })]
    if (documents.some((one) => one.errors.length > 0)) return undefined
    return documents.flatMap(valuesOfDocument)
  } catch (error) {
    // also of the parser, for which thousands of brackets in one another are too deep
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function valuesOfDocument(document: Document): Value[] {
  const found: Value[] = []
  const named = new Map<unknown, unknown>()
  const resolved = (alias: Alias): unknown => {
    if (!named.has(alias)) named.set(alias, alias.resolve(document))
    // to resolve one walks through the document
    if (named.size > MOST_ALIASES) throw new RangeError('more aliases than any writer makes')
    return named.get(alias)
  }
  const textOf = (node: unknown): string | undefined => {
    const target = isAlias(node) ? resolved(node) : node
    return isScalar(target) && typeof target.value === 'string' ? target.value : undefined
  }
  const note = (key: unknown, node: unknown, path: readonly unknown[]): void => {
    const text = key === 'key' ? undefined : textOf(node)
    if (text === undefined) return
    found.push({ keys: path.flatMap((one) => (isPair(one) ? [textOf(one.key) ?? ''] : [])), text })
  }
  visit(document, { Scalar: note, Alias: note })
  return found
}
