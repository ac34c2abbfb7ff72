/** Judges the types that a skops file names in its schema. */
import type { Sink } from './findings.ts'
import { judgeGlobal } from './globals.ts'

/** How skops calls kinds of values that are no type to be loaded. */
const KINDS = new Set(['builtins.function', 'builtins.type', 'builtins.NoneType', 'builtins.method', 'numpy.ufunc'])

/** Walks a schema; throws SyntaxError when it is no JSON. */
export function scanSkops(file: string, schema: string, findings: Sink): void {
  const waiting: unknown[] = [JSON.parse(schema)]
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (typeof node !== 'object' || node === null) continue
    for (const [module, name] of namesIn(node as Record<string, unknown>)) judge(file, { module, name }, findings)
    for (const value of Object.values(node)) waiting.push(value)
  }
}

function namesIn(node: Record<string, unknown>): [string, string][] {
  const pairs = [
    [node['__module__'], node['__class__']],
    [node['module_path'], node['function']],
    [node['__module__'], node['function']],
  ]
  return pairs.filter((pair): pair is [string, string] => pair.every((part) => typeof part === 'string'))
}

function judge(file: string, of: { module: string; name: string }, findings: Sink): void {
  const full = `${of.module}.${of.name}`
  const judged = KINDS.has(full) ? 'safe' : judgeGlobal(of.module, of.name)
  if (judged === 'safe') return
  const [level, reason] =
    judged === 'harmful'
      ? (['malicious', 'loading the file would reach it, and no model needs it'] as const)
      : (['suspicious', 'it is not on the list of what is known to be safe'] as const)
  findings.add({ level, file, offset: 0, what: full, reason })
}
