/** Who may do what: roles, verbs, resources and the one matrix that joins them. */

export const ROLES = ['viewer', 'contributor', 'maintainer', 'admin', 'service'] as const
/** viewer looks; contributor builds; maintainer puts into production; admin governs; service is a program that predicts and labels. */
export type Role = (typeof ROLES)[number]

export const VERBS = [
  'read',
  'write',
  'promote',
  'approve',
  'deploy',
  'predict',
  'label',
  'read_predictions',
  'manage',
] as const
export type Verb = (typeof VERBS)[number]

export const RESOURCES = [
  'server',
  'runs',
  'artifacts',
  'models',
  'pipelines',
  'attempts',
  'endpoints',
  'rollouts',
  'monitors',
  'incidents',
  'cost',
  'tokens',
  'audit',
] as const
export type Resource = (typeof RESOURCES)[number]

/** The access rule of a route. `public` is for health checks, the UI's shell and the login link alone. */
export type Access = 'public' | { readonly verb: Verb; readonly resource: Resource }

/** What a role must be granted to call a route. */
export function may(verb: Verb, resource: Resource): Access {
  return { verb, resource }
}

/** Who makes a call. `project` null = every project. */
export interface Principal {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly project: string | null
  readonly token_id: string | null
  /** The attempt of a step whose token it is; absent for people and programs. */
  readonly attempt?: string
  /** A node that runs the attempt: it may take it up (`claim`), or say how it goes (`work`); absent for everybody else. */
  readonly node?: 'claim' | 'work'
}

const BUILD: readonly Resource[] = ['runs', 'artifacts', 'models', 'pipelines']
const RUN: readonly Resource[] = [...BUILD, 'endpoints', 'rollouts', 'monitors', 'incidents']
const GOVERNED: readonly Resource[] = ['tokens', 'audit']

/** Verbs of a role, each with the resources it reaches. */
const GRANTS: Record<Exclude<Role, 'admin'>, Partial<Record<Verb, (resource: Resource) => boolean>>> = {
  viewer: { read: (r) => !GOVERNED.includes(r) },
  contributor: {
    read: (r) => !GOVERNED.includes(r),
    write: (r) => BUILD.includes(r),
    predict: (r) => r === 'endpoints',
    label: (r) => r === 'endpoints',
  },
  maintainer: {
    read: (r) => r !== 'tokens',
    write: (r) => RUN.includes(r),
    predict: (r) => r === 'endpoints',
    label: (r) => r === 'endpoints',
    promote: (r) => r === 'models',
    approve: (r) => r === 'models' || r === 'pipelines' || r === 'rollouts',
    deploy: (r) => r === 'endpoints' || r === 'rollouts',
    read_predictions: (r) => r === 'endpoints',
  },
  service: {
    predict: (r) => r === 'endpoints',
    label: (r) => r === 'endpoints',
    read: (r) => r === 'endpoints' || r === 'server',
  },
}

/** True when a role may do this. An admin may do everything; what no grant names is refused. */
export function allows(role: Role, access: Access): boolean {
  if (access === 'public' || role === 'admin') return true
  return GRANTS[role][access.verb]?.(access.resource) ?? false
}

/** What concerns all projects at once: the trail of everyone's acts, the rate card, the server itself. */
function wholeServer(access: Exclude<Access, 'public'>): boolean {
  return access.resource === 'audit' || (access.verb === 'manage' && access.resource !== 'tokens')
}

/** What a step does not need: it would start other steps, with credentials that outlive its own. */
function isBeyondSteps(access: Exclude<Access, 'public'>): boolean {
  return access.verb !== 'read' && access.resource === 'pipelines'
}

/**
 * True when a caller may do this: its role allows it and, where its token is for one project, the act does not concern all
 * projects at once. Which project a thing belongs to is checked where the thing is read.
 */
export function permits(who: Principal, access: Access): boolean {
  if (access === 'public') return true
  // a node says how its attempt goes, and nothing of anything else; nobody else says that
  const isNode = who.node !== undefined
  if (isNode || access.resource === 'attempts') return isNode && access.resource === 'attempts'
  if (who.attempt !== undefined && isBeyondSteps(access)) return false
  return allows(who.role, access) && (who.project === null || !wholeServer(access))
}
