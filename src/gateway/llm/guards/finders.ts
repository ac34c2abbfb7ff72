/** The finder of each guardrail that can say where it found something. */
import type { LlmGuardrail } from '../../../contract/llm/options.ts'
import type { Find, Finding } from './findings.ts'
import { joined } from './findings.ts'
import { patternOf } from './patterns.ts'
import { piiFinder } from './pii.ts'
import { findSecrets } from './secrets.ts'

/** A guardrail that says where it found something. */
export interface Finder {
  readonly name: string
  readonly action: LlmGuardrail['action']
  readonly find: Find
}

/** The finder of a guardrail; undefined for a kind that looks at texts as a whole. Throws a plain Error for an expression that cannot be read. */
export function finderOf(guardrail: LlmGuardrail): Finder | undefined {
  const find = findOf(guardrail)
  return find && { name: guardrail.name, action: guardrail.action, find }
}

function findOf(guardrail: LlmGuardrail): Find | undefined {
  switch (guardrail.kind) {
    case 'regex':
      return byPatterns(guardrail.patterns)
    case 'pii':
      return piiFinder(guardrail.find)
    case 'secrets':
      return findSecrets
    default:
      return undefined
  }
}

function byPatterns(sources: readonly string[]): Find {
  const finds = sources.map(byPattern)
  return (text) => finds.reduce<readonly Finding[]>((found, find) => joined(found, find(text)), [])
}

function byPattern(source: string, place: number): Find {
  const pattern = patternOf(source)
  const what = `pattern ${place + 1}`
  return (text) => {
    // whether there is one is told much faster than where
    if (!pattern.test(text)) return []
    const found: Finding[] = []
    const matcher = pattern.matcher(text)
    while (matcher.find()) {
      // that nothing stands somewhere is no finding
      if (matcher.end() > matcher.start())
        found.push({ from: matcher.start(), to: matcher.end(), what, mark: '[REDACTED]' })
    }
    return found
  }
}
