/** Type hints for variables: from the types that the proof saw, by names that the module imports; else Any. */
import { boundBy, importsOf, type Program } from '../rewrite/program.ts'

/** What a variable was, as the run saw it: module and qualified name of its class. */
export type Seen = ReadonlyMap<string, { readonly module: string; readonly name: string }>

const BUILTIN = new Set('int float str bool bytes list dict tuple set complex'.split(' '))
/** Classes by the package through which people reach them. */
const REACHED: Readonly<Record<string, string>> = {
  'pandas DataFrame': 'pandas.DataFrame',
  'pandas Series': 'pandas.Series',
  'numpy ndarray': 'numpy.ndarray',
}

/** The hint of a variable. */
export function hintOf(program: Program, seen: Seen, name: string): string {
  const setting = program.settings.get(name)
  if (setting !== undefined) return setting.type
  const type = seen.get(name)
  if (type === undefined) return 'Any'
  if (type.module === 'builtins') return BUILTIN.has(type.name) ? type.name : 'Any'
  const [top = ''] = type.module.split('.')
  const reached = REACHED[`${top} ${type.name}`]
  for (const one of importsOf(program)) {
    if (one.name !== null && one.name === type.name && type.module.startsWith(one.module.split('.')[0] ?? ''))
      return boundBy(one)
    if (reached !== undefined && one.name === null && one.module === top) return `${boundBy(one)}.${type.name}`
  }
  return 'Any'
}
