/** What the service account of the server may do in a namespace, asked of the cluster itself. */
import type { Api } from './api.ts'
import { failed } from './api.ts'

/** All that is asked of a cluster, and nothing else; the Role of docs/guides/drivers.md gives exactly these. */
const RIGHTS: readonly (readonly [group: string, resource: string, verbs: readonly string[]])[] = [
  ['batch', 'jobs', ['create', 'get', 'list', 'delete']],
  ['', 'secrets', ['create', 'update', 'delete']],
  ['', 'pods', ['list']],
  ['', 'events', ['list']],
]

/** Rights that are missing, as `create jobs in team-a`. Throws `upstream_failed` where the cluster does not answer. */
export async function missingRights(api: Api, namespaces: readonly string[]): Promise<string[]> {
  const asked = namespaces.flatMap((namespace) =>
    RIGHTS.flatMap(([group, resource, verbs]) => verbs.map((verb) => ({ namespace, group, resource, verb }))),
  )
  const told = await Promise.all(asked.map((right) => isGranted(api, right)))
  return asked.filter((_, i) => !told[i]).map(({ verb, resource, namespace }) => `${verb} ${resource} in ${namespace}`)
}

async function isGranted(api: Api, resourceAttributes: Readonly<Record<string, string>>): Promise<boolean> {
  const reply = await api.ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  })
  if (reply.status !== 201) throw failed('does not say what this server may do', reply)
  return (reply.body['status'] as { allowed?: boolean } | undefined)?.allowed === true
}
