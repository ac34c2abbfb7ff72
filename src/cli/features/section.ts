/** The section `features` of a project file, looked at without a server: what is wrong with it, and what only the project can know. */
import type { FeaturesSection } from '../../contract/features/section.ts'
import { readSection, type Definitions } from '../../features/definitions/read.ts'
import type { Fault as SectionFault } from '../../features/definitions/views.ts'
import type { Path } from '../../pipelines/spec/describe.ts'
import { dotted, linesIn, type Fault, type FeaturesRead } from '../../pipelines/spec/parse.ts'

interface Found {
  readonly faults: readonly Fault[]
  /** What the project may have already, and the file does not say. */
  readonly notes: readonly string[]
}

/** Faults of what the section means, each at its line. Nothing is said of what hangs on a place that was left out for a fault of its own. */
export function sectionFaults(text: string, { project, left }: FeaturesRead): Found {
  const section = project?.features
  if (section === undefined) return { faults: [], notes: [] }
  const read = readSection(section, {
    sources: Object.keys(project?.sources ?? {}),
    // no version of a view is that of the file: which number it gets the project knows
    numberOf: () => 0,
  })
  const lineOf = linesIn(text)
  const judged = read.faults.filter(({ path }) => !isInDoubt(path, left))
  const faults: Fault[] = []
  const notes: string[] = []
  for (const { path, message } of judged) {
    const whole = ['features', ...path]
    const known = elsewhere({ section, sound: read.definitions.views }, path)
    if (known === TOLD) continue
    if (known === undefined) faults.push({ line: lineOf(whole), key: dotted(whole), message })
    else notes.push(`${dotted(whole)}: not checked here: whether the project has ${known}`)
  }
  return { faults, notes }
}

/** How many of each the section has: `2 views, 1 service`. */
export function sectionText({ entities, views, on_demand, services }: FeaturesSection): string {
  const counts = [
    [Object.keys(entities).length, 'entity', 'entities'],
    [Object.keys(views).length, 'feature view', 'feature views'],
    [Object.keys(on_demand).length, 'on-demand feature', 'on-demand features'],
    [Object.keys(services).length, 'service', 'services'],
  ] as const
  const said = counts.flatMap(([count, one, many]) => (count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]))
  return said.length === 0 ? 'nothing' : said.join(', ')
}

function isInDoubt([kind, name]: SectionFault['path'], left: readonly Path[]): boolean {
  const cut = left.filter(([top]) => top === 'features' || top === 'sources')
  if (kind !== 'views') return cut.length > 0
  return cut.some(
    ([top, part, view]) =>
      top === 'sources' || part === undefined || part === 'entities' || view === undefined || view === name,
  )
}

interface Around {
  readonly section: FeaturesSection
  /** Views without a fault. */
  readonly sound: Definitions['views']
}

const TOLD = 'told'

/**
 * What a fault of a name is about that the file does not have and the project may; `told` where the file has it with a fault of its own, and
 * undefined for every other fault.
 */
function elsewhere(around: Around, path: SectionFault['path']): string | undefined {
  const [kind, , part] = path
  return WAYS[`${kind}.${part}`]?.(around, path)
}

/** What stands at a path that names something. */
type Way = (around: Around, path: SectionFault['path']) => string | undefined

const WAYS: Readonly<Record<string, Way>> = {
  'views.entities': ({ section }, [, name = '', , at]) => {
    const entity = section.views[name]?.entities[Number(at)]
    return entity === undefined || Object.hasOwn(section.entities, entity) ? undefined : `the entity "${entity}"`
  },
  'on_demand.inputs': (around, [, name = '', , at = '']) => {
    const [view = '', feature] = (around.section.on_demand[name]?.inputs[at] ?? '').split(':')
    return feature === undefined || view === 'request' || view === 'on_demand' ? undefined : viewOf(around, view)
  },
  'services.features': (around, [, name = '', , at]) => {
    const given = at === undefined ? undefined : around.section.services[name]?.features[Number(at)]
    if (given === undefined) return undefined
    const [view = '', feature = ''] = (typeof given === 'object' ? given.take : given).split(':')
    if (view === 'on_demand') return Object.hasOwn(around.section.on_demand, feature) ? TOLD : undefined
    return viewOf(around, view)
  },
}

function viewOf({ section, sound }: Around, text: string): string | undefined {
  const [name = ''] = text.split('@')
  if (text !== name || !Object.hasOwn(section.views, name)) return `the feature view "${text}"`
  return sound.has(name) ? undefined : TOLD
}
