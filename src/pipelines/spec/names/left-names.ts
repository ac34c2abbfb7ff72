/** Names that a step has as it is written, also where a section of it was left out because something in it is wrong. */

const IDENTIFIER = /^[A-Za-z_]\w{0,63}$/

type Path = readonly PropertyKey[]

/** A step as far as it has names. */
interface Named {
  readonly inputs: Readonly<Record<string, unknown>>
  readonly params: Readonly<Record<string, unknown>>
  readonly outputs: readonly string[]
}

export type Section = 'inputs' | 'params' | 'outputs'

/** What names can be asked of: the steps as they are read, the file as it is written, and where something was left out. */
export interface Names {
  /** The names of a section that can be used: what the step has, and what stands beside something wrong. */
  readonly usable: (step: string, section: Section) => readonly string[]
  /** Whether a name may be meant: it is usable, or stands in what is wrong, so that its fault is told there. */
  readonly mayBe: (step: string, section: Section, name: string) => boolean
}

/** The names of a project. `left` is where something was left out; `written` gives what stands in the file at a place. */
export function namesOf(
  steps: Readonly<Record<string, Named>>,
  left: readonly Path[],
  written: (path: Path) => unknown,
): Names {
  const cut = new Set(left.filter(isSection).map(([, , step, section]) => `${String(section)} ${String(step)}`))
  const usable: Names['usable'] = (step, section) => {
    const own = Object.hasOwn(steps, step) ? steps[step] : undefined
    const read = own === undefined ? [] : listed(own, section)
    if (!cut.has(`${section} ${step}`)) return read
    return [...new Set([...read, ...writtenIn(written(['pipeline', 'steps', step, section]))])]
  }
  return {
    usable,
    mayBe: (step, section, name) => {
      if (usable(step, section).includes(name)) return true
      if (!cut.has(`${section} ${step}`)) return false
      const text = JSON.stringify(written(['pipeline', 'steps', step, section])) ?? ''
      return text.match(/[A-Za-z_]\w*/g)?.includes(name) === true
    },
  }
}

function isSection([top, of, step, section]: Path): boolean {
  return (
    top === 'pipeline' &&
    of === 'steps' &&
    step !== undefined &&
    (section === 'inputs' || section === 'params' || section === 'outputs')
  )
}

function listed(step: Named, section: Section): readonly string[] {
  return section === 'outputs' ? step.outputs : Object.keys(step[section])
}

function writtenIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  const names: unknown[] = Array.isArray(value) ? value : Object.keys(value)
  return names.filter((name): name is string => typeof name === 'string' && IDENTIFIER.test(name))
}
