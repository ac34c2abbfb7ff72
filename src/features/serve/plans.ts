/** Finds what a caller names and plans it; plans of versions are kept, since a version never changes. */
import type { ServiceSection } from '../../contract/features/section.ts'
import { problem } from '../../contract/errors.ts'
import type { Reader } from '../../store/db.ts'
import { findVersion, newest, type Named, type Version } from '../definitions/catalogue.ts'
import type { Service } from '../definitions/definitions.ts'
import { requireVersion, requireViews } from '../definitions/require.ts'
import { serviceOf, type NumberedView } from '../definitions/services.ts'
import { definitionsOf, planRead, type ReadPlan } from './plan.ts'
import { stampOf } from './stamp.ts'

/** Plans that are kept: a server reads few services, and each plan is small. */
const MOST_KEPT = 500
/** Of features that callers name one by one: a caller may name as many as it likes. */
const MOST_NAMED = 100

export interface NamedService {
  readonly project: string
  readonly name: string
  readonly version?: number | undefined
}

export interface PlannedService {
  readonly version: number
  readonly plan: ReadPlan
}

export class Plans {
  readonly #db: Reader
  readonly #kept = new Map<string, ReadPlan>()
  readonly #named = new Map<string, ReadPlan>()

  constructor(db: Reader) {
    this.#db = db
  }

  /** A service, in its newest version where none is named. Throws `not_found`. */
  async service({ project, name, version }: NamedService): Promise<PlannedService> {
    const found = await requireVersion({ db: this.#db }, { project, kind: 'service', name, version })
    // a project of the same name may have come in place of one that was removed
    const key = `${project} ${name}@${found.version} ${found.digest} ${found.created_at}`
    const kept = this.#kept.get(key)
    if (kept !== undefined) return { version: found.version, plan: kept }
    const plan = await planOf(this.#db, project, found.definition)
    keep(this.#kept, MOST_KEPT, [key, plan])
    return { version: found.version, plan }
  }

  /**
   * Features that a caller names one by one, in their order, of the newest versions of views where they name none. Throws `invalid_field`
   * for one that there is not.
   */
  async features(project: string, given: readonly string[], full: boolean): Promise<ReadPlan> {
    const stamp = await stampOf(this.#db, project, given)
    const key = `${project} ${full} ${given.join(' ')} ${stamp}`
    const kept = stamp === undefined ? undefined : this.#named.get(key)
    if (kept !== undefined) return kept
    const plan = await planOf(this.#db, project, await adHoc(this.#db, project, given, full))
    if (stamp !== undefined) keep(this.#named, MOST_NAMED, [key, plan])
    return plan
  }
}

/** In place of the oldest, where there are too many. */
function keep(plans: Map<string, ReadPlan>, most: number, [key, plan]: readonly [string, ReadPlan]): void {
  const [oldest] = plans.keys()
  if (plans.size >= most && oldest !== undefined) plans.delete(oldest)
  plans.set(key, plan)
}

async function planOf(db: Reader, project: string, service: Service): Promise<ReadPlan> {
  return planRead(project, service, definitionsOf(await requireViews({ db }, project, service)))
}

async function adHoc(reader: Reader, project: string, given: readonly string[], full: boolean): Promise<Service> {
  const all = await newest(reader, project)
  const views = all.filter((one): one is Named<'view'> => one.latest.kind === 'view').map(({ latest }) => latest)
  const onDemand = all.filter((one): one is Named<'on_demand'> => one.latest.kind === 'on_demand')
  const pinned = await pinnedOf(reader, project, given)
  const section: ServiceSection = {
    features: [...given],
    on_expired: 'null',
    full_names: full,
    description: '',
    owner: '',
    tags: {},
  }
  const faults: { readonly at: number; readonly message: string }[] = []
  const service = serviceOf(
    ['features', section],
    {
      view: (name, version) => (version === undefined ? numbered(views, name) : pinned.get(`${name}@${version}`)),
      viewNames: views.map(({ name }) => name),
      onDemand: (name) => onDemand.find(({ latest }) => latest.name === name)?.latest.definition,
      onDemandNames: onDemand.map(({ latest }) => latest.name),
    },
    (path, message) => faults.push({ at: Number(path[3]), message }),
  )
  if (service !== undefined) return service
  const { at, message } = faults[0] ?? { at: Number.NaN, message: '' }
  const isOne = Number.isInteger(at)
  throw problem('invalid_field', {
    field: isOne ? `features[${at}]` : 'features',
    value: isOne ? given[at] : given.join(', '),
    expected: `features that there are: ${message}`,
  })
}

function numbered(views: readonly Version<'view'>[], name: string): NumberedView | undefined {
  const found = views.find((one) => one.name === name)
  return found && { view: found.definition, version: found.version }
}

async function pinnedOf(reader: Reader, project: string, given: readonly string[]): Promise<Map<string, NumberedView>> {
  const pinned = new Map<string, NumberedView>()
  for (const text of new Set(given.map((one) => one.split(':')[0] ?? ''))) {
    const [name = '', version] = text.split('@')
    if (version === undefined) continue
    const found = await findVersion(reader, { project, kind: 'view', name, version: Number(version) })
    if (found !== undefined) pinned.set(text, { view: found.definition, version: found.version })
  }
  return pinned
}
